"""One engine, whose process stands ready: Peer (a worker.py for each core) or Wayside (its own program, anew each turn)."""
import json
import os
import resource
import select
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOAD_S, TURN_S = 300, 60


class Failed(Exception):
    """Why an engine is not measured, in a line."""


def last_line(text, code):
    """What a program that failed said last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if code is not None and code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return lines[-1].replace("|", "/")[:200] if lines else f"exit status {code}, and said nothing"


def pinned(cores):
    return lambda: os.sched_setaffinity(0, cores)


class Process:
    """A worker.py on one core."""

    def __init__(self, engine, model, inputs, outputs, core, env):
        self.log = open(outputs.with_suffix(f".{core}.log"), "w+")
        command = [sys.executable, HERE / "worker.py", engine, model, inputs, outputs]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
                                      env=env, preexec_fn=pinned({core}))
        self.version = self.answer(LOAD_S)["version"]

    def ask(self, seconds):
        try:
            print(seconds, file=self.child.stdin, flush=True)
        except BrokenPipeError:
            pass  # The answer, which will not come, says why.

    def answer(self, limit):
        # One line is asked for and one comes, so nothing waits in Python's buffer where select would not see it.
        if not select.select([self.child.stdout], [], [], limit)[0]:
            self.close()
            raise Failed(f"no answer within {limit:.0f} s")
        line = self.child.stdout.readline()
        if line:
            return json.loads(line)
        code = self.child.wait()
        self.log.seek(0)
        raise Failed(last_line(self.log.read(), code))

    def close(self):
        self.child.kill()
        self.child.wait()


class Peer:
    def __init__(self, engine, model, folder, label, cores, env):
        self.outputs = folder / f"{label.replace(' ', '_').replace('/', '_')}.npz"
        self.processes = []
        try:
            for core in cores:
                self.processes.append(Process(engine, model, folder / "inputs.npy", self.outputs, core, env))
        except Failed:
            self.close()
            raise
        self.version = self.processes[0].version

    def alone(self, seconds):
        self.processes[0].ask(seconds)
        return self.processes[0].answer(TURN_S + 20 * seconds)

    def together(self, seconds):
        """Two processes at the same time: runs per second of both, CPU milliseconds of one run."""
        for process in self.processes:
            process.ask(seconds)
        answers = [process.answer(TURN_S + 20 * seconds) for process in self.processes]
        return {"per_s": sum(a["per_s"] for a in answers),
                "mean_cpu_ms": sum(a["mean_cpu_ms"] for a in answers) / len(answers)}

    def close(self):
        for process in self.processes:
            process.close()


class Wayside:
    """`wayside bench engine`. It tells wall times only: CPU time is that of the child, less that of loading, per run."""

    def __init__(self, program, engine, model, cores):
        self.program, self.cores, self.outputs = program, cores, None
        self.command = [program, "bench", "engine", model, "--engine", engine, "--turns", "1", "--json"]
        self.version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip()
        self.best_ms = self.call(3, 1)[0]["best_ms"]

    def call(self, runs, sessions):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = self.command + ["--runs", str(runs), "--sessions", str(sessions)]
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=pinned(set(self.cores[:sessions])))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            raise Failed(last_line(done.stderr, done.returncode))
        cpu_ms = (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1e3
        return json.loads(done.stdout), cpu_ms

    def timed(self, seconds, sessions):
        runs = max(10, round(seconds * 1e3 / self.best_ms))
        told, cpu_ms = self.call(runs, sessions)
        loading_ms = self.call(1, sessions)[1]
        mean = (cpu_ms - loading_ms) / ((runs - 1) * sessions)
        return {"wall_ms": told["best_ms"], "cpu_ms": mean, "mean_cpu_ms": mean, "runs": runs * sessions,
                "per_s": told["frames_per_s"]}

    def alone(self, seconds):
        return self.timed(seconds, 1)

    def together(self, seconds):
        return self.timed(seconds, 2)

    def close(self):
        pass
