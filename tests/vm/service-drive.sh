# Runs in the virtual machine of service.sh, as root, after systemd has started everything: one line per finding.
failed=0
say() { echo "$(cut -d' ' -f1 /proc/uptime) s: $*"; }
good() { say "ok: $*"; }
bad() { say "FAILED: $*"; failed=1; }
check() { what=$1; shift; if "$@"; then good "$what"; else bad "$what"; fi; }
show() { systemctl show wayside -p "$1" --value; }
pid() { show MainPID; }
restarts() { show NRestarts; }
active() { [ "$(systemctl is-active wayside)" = active ]; }
# Seconds and microseconds since the machine was switched on, as systemd's own monotonic times.
up() { cut -d. -f1 /proc/uptime; }
# Without another process: an emulated processor takes a tenth of a second to start one.
up_us() { read -r us _ </proc/uptime; us=${us%.*}${us#*.}0000; }
# Until the words are true, for at most $1 seconds.
until_true() { end=$(($(up) + $1)); shift; while [ "$(up)" -lt "$end" ]; do "$@" && return 0; sleep 0.2; done; return 1; }
db=/var/lib/wayside/wayside.db
sql() { sqlite3 "file:$db?mode=ro" "$1"; }
counts_more_than() { [ "$(sql 'SELECT count(*) FROM crossing' 2>/dev/null || echo 0)" -gt "$1" ]; }

check "systemd calls it active, so READY=1 came" until_true 170 active
check "it counts" until_true 120 counts_more_than 2
check "its state is told: $(show StatusText)" sh -c "systemctl show wayside -p StatusText --value | grep -q 'frames/s'"
user=$(stat -c %u "/proc/$(pid)")
check "it is no root, but user $user" [ "$user" != 0 ]
say "systemd-analyze security: $(systemd-analyze security --no-pager wayside 2>&1 | tail -1)"

# kill -9: another process, in less than two seconds.
old=$(pid); up_us; began=$us; kill -9 "$old"
another() { new=$(pid); [ "$new" != 0 ] && [ "$new" != "$old" ]; }
check "kill -9: started again" until_true 20 another
started=$((($(show ExecMainStartTimestampMonotonic) - began) / 1000))
check "after $started ms, which is less than 2 s" [ "$started" -lt 2000 ]
check "and ready again" until_true 170 active
say "ready $((($(show ActiveEnterTimestampMonotonic) - began) / 1000)) ms after the kill, the network loaded by an emulated processor"
check "one restart" [ "$(restarts)" = 1 ]

# SIGSTOP: nothing moves, so nothing feeds the watchdog.
rows=$(sql 'SELECT count(*) FROM crossing')
check "it counts on" until_true 120 counts_more_than "$rows"
old=$(pid); kill -STOP "$old"
check "SIGSTOP: the watchdog ends it and it is started again" until_true 60 another
check "and ready again" until_true 170 active
check "the journal names the watchdog" sh -c "journalctl -u wayside -b -o cat | grep -q 'Watchdog timeout'"
check "two restarts" [ "$(restarts)" = 2 ]

# SIGTERM: everything reported is a row, everything seen is marked, nothing is called a failure.
rows=$(sql 'SELECT count(*) FROM crossing')
check "it counts on" until_true 120 counts_more_than "$rows"
up_us; began=$us; systemctl stop wayside; up_us
say "stopped in $(((us - began) / 1000)) ms"
check "stopped without failure: $(show Result), status $(show ExecMainStatus)" [ "$(show Result) $(show ExecMainStatus)" = "success 0" ]
check "the last session is closed as stopped" [ "$(sql 'SELECT ending FROM session ORDER BY id DESC LIMIT 1')" = stopped ]
check "the killed ones as crashed" [ "$(sql "SELECT count(*) FROM session WHERE ending = 'crashed'")" = 2 ]
check "the time between is two gaps" [ "$(sql "SELECT count(*) FROM gap WHERE reason = 'down'")" = 2 ]
# Each reported crossing is a line of the journal (RUST_LOG=debug here).
reported=$(journalctl -u wayside -b -o cat | grep -c 'road: middle .* track ')
stored=$(sql 'SELECT count(*) FROM crossing')
check "$reported crossings were reported, $stored are stored: none is lost" [ "$reported" -le "$stored" ]
last=$(journalctl -u wayside -b -o cat _PID="$(show ExecMainPID)" | grep -c 'road: middle .* track ')
run=$(sql 'SELECT count(*) FROM crossing JOIN line ON line.id = line_id WHERE run_id = (SELECT max(id) FROM run)')
check "of the run that SIGTERM ended: $last reported, $run stored" [ "$last" = "$run" ]
# The last line of the journal says how many frames were processed; the mark stands at the last of them (2 a second).
frames=$(journalctl -u wayside -b -o cat _PID="$(show ExecMainPID)" | sed -n 's/^\([0-9]*\) frames in .*/\1/p' | tail -1)
missing=$(sql "SELECT coalesce(sum(frames), 0) FROM gap WHERE run_id = (SELECT max(id) FROM run)")
marked=$(sql 'SELECT max(until_us) FROM seen WHERE session_id = (SELECT max(id) FROM session)')
check "$frames frames were seen and $missing dropped: the mark stands at $marked us, frame $((marked / 500000 + 1))" \
    [ "$((marked / 500000 + 1))" = "$((frames + missing))" ]
check "the database is sound" sh -c "/usr/local/bin/wayside check --db $db | grep -q sound"

# A wrong config is not tried again and again.
echo 'nonsense = 1' >/etc/wayside/wayside.toml; before=$(restarts)
systemctl start wayside 2>/dev/null
sleep 3
check "a wrong config: status $(show ExecMainStatus), not started again" [ "$(show ExecMainStatus) $(systemctl is-active wayside)" = "78 failed" ]
exit $failed
