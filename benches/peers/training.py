#!/usr/bin/env python3
"""Training speed in turns with PyTorch: the same two networks, batches and losses on the same threads, one after the other.

usage: training.py [--turns N] [--steps N] [--threads N] [--device NAME] [--program PATH]

PATH is the built example `speed`: cargo build --release -p wayside-train --example speed. Needs PyTorch. A turn is one
run of each; ratios are of turns side by side, so that what else the machine does falls on both.
"""
import argparse
import json
import os
import statistics
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def convolution(nn, channels, filters, kernel, stride, activation):
    """Convolution, batch normalisation, activation. Keras' `same` pads odd strides at the bottom and right alone; the
    work is the same."""
    parts = [nn.Conv2d(channels, filters, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(filters, eps=1e-3)]
    return nn.Sequential(*parts, *([activation] if activation else []))


def resnet18_half(torch, classes):
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, channels, filters, stride):
            super().__init__()
            self.first = convolution(nn, channels, filters, 3, stride, nn.ReLU(inplace=True))
            self.second = convolution(nn, filters, filters, 3, 1, None)
            same = channels == filters and stride == 1
            self.shortcut = nn.Identity() if same else convolution(nn, channels, filters, 1, stride, None)

        def forward(self, x):
            return torch.relu_(self.second(self.first(x)) + self.shortcut(x))

    layers = [convolution(nn, 3, 32, 7, 2, nn.ReLU(inplace=True)), nn.MaxPool2d(3, 2, 1)]
    channels = 32
    for filters, stride in [(32, 1), (64, 2), (128, 2), (256, 2)]:
        layers += [Block(channels, filters, stride), Block(filters, filters, 1)]
        channels = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, classes))


def yolo_small(torch, classes):
    nn = torch.nn

    def part(channels, filters, kernel, stride):
        return convolution(nn, channels, filters, kernel, stride, nn.LeakyReLU(0.1, inplace=True))

    def stage(channels, filters):
        return nn.Sequential(
            part(channels, filters, 3, 2), part(filters, filters // 2, 1, 1), part(filters // 2, filters, 3, 1))

    class Yolo(nn.Module):
        def __init__(self):
            super().__init__()
            self.fine = nn.Sequential(part(3, 16, 3, 2), stage(16, 32), stage(32, 64), stage(64, 128))
            self.coarse = nn.Sequential(stage(128, 256), part(256, 128, 1, 1))
            self.lift = nn.Sequential(part(128, 64, 1, 1), nn.Upsample(scale_factor=2, mode="nearest"))
            outputs = 3 * (5 + classes)
            self.grid32 = nn.Sequential(part(128, 256, 3, 1), nn.Conv2d(256, outputs, 1))
            self.grid16 = nn.Sequential(part(192, 128, 3, 1), nn.Conv2d(128, outputs, 1))

        def forward(self, x):
            fine = self.fine(x)
            top = self.coarse(fine)
            return self.grid32(top), self.grid16(torch.cat([self.lift(top), fine], 1))

    return Yolo()


NETWORKS = {"resnet18_half": (resnet18_half, 64, 32), "yolo_small": (yolo_small, 320, 16)}


class PyTorch:
    """The network, ready to step."""

    def __init__(self, torch, name, channels_last):
        make, pixels, batch = NETWORKS[name]
        torch.manual_seed(0)
        self.torch, self.batch = torch, batch
        self.network = make(torch, 4).train()
        self.x = torch.randn(batch, 3, pixels, pixels)
        if channels_last:
            self.network = self.network.to(memory_format=torch.channels_last)
            self.x = self.x.contiguous(memory_format=torch.channels_last)
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.001)
        y = self.network(self.x)
        if isinstance(y, tuple):
            self.truth = [torch.randn_like(part) for part in y]
        else:
            self.truth = torch.arange(batch) % 4

    def step(self):
        functional = self.torch.nn.functional
        self.optimizer.zero_grad()
        y = self.network(self.x)
        if isinstance(y, tuple):
            loss = sum(functional.mse_loss(part, truth) for part, truth in zip(y, self.truth))
        else:
            loss = functional.cross_entropy(y, self.truth)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def turn(self, steps, warm_up):
        for _ in range(warm_up):
            self.step()
        begun, used = time.perf_counter(), time.process_time()
        fastest = float("inf")
        for _ in range(steps):
            start = time.perf_counter()
            self.step()
            fastest = min(fastest, time.perf_counter() - start)
        images = steps * self.batch
        return {"images_per_second": images / (time.perf_counter() - begun), "fastest": self.batch / fastest,
                "cpu_ms_per_image": (time.process_time() - used) / images * 1e3}


def ours(program, name, device, threads, steps, warm_up):
    command = [program, "--network", name, "--device", device, "--steps", str(steps), "--warm-up", str(warm_up), "--json"]
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--network", choices=NETWORKS)
    parser.add_argument("--program", default=str(ROOT / "target/release/examples/speed"))
    args = parser.parse_args()
    import torch
    torch.set_num_threads(args.threads)
    for name in [args.network] if args.network else NETWORKS:
        peers = {"PyTorch": PyTorch(torch, name, False), "PyTorch channels last": PyTorch(torch, name, True)}
        turns = {peer: [] for peer in ["wayside-train", *peers]}
        for _ in range(args.turns):
            turns["wayside-train"].append(ours(args.program, name, args.device, args.threads, args.steps, args.warm_up))
            for peer, network in peers.items():
                turns[peer].append(network.turn(args.steps, args.warm_up))
        own = turns["wayside-train"]
        for peer, found in turns.items():
            best = max(turn["fastest"] for turn in found)
            wall = statistics.median(a["images_per_second"] / b["images_per_second"] for a, b in zip(own, found))
            cpu = statistics.median(b["cpu_ms_per_image"] / a["cpu_ms_per_image"] for a, b in zip(own, found))
            fastest = max(turn["fastest"] for turn in own) / best
            print(f"{name}: {peer}: {best:.1f} images/s at best, "
                  f"{min(turn['cpu_ms_per_image'] for turn in found):.2f} ms of processor time an image; "
                  f"wayside-train is at {wall:.2f} of it by turns, {fastest:.2f} at best, {cpu:.2f} by processor time")


if __name__ == "__main__":
    main()
