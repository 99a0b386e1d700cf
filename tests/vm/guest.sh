# Sourced by the tests inside the machine. The share is a network file system, on which SQLite's WAL cannot live.
export RUST_BACKTRACE=0
work=/tmp/work; mkdir -p $work
failed=0

ok() { echo "ok: $*"; }
wrong() { echo "WRONG: $*"; failed=1; }
is() { if [ "$2" = "$3" ]; then ok "$1: $2"; else wrong "$1: $2, not $3"; fi; }
# holds NAME TEXT WORDS: the text is one line with the words
holds() {
    case $(echo "$2" | wc -l)/$2 in
        1/*"$3"*) ok "$1: $2" ;;
        *) wrong "$1: no '$3' in one line: $2" ;;
    esac
}
sql() { sqlite3 "$work/$1.db" "$2"; }
# The first mark of NAME is committed after ten seconds of frames: an emulated processor may need minutes to get there.
wait_for_mark() {
    for _ in $(seq 300); do
        [ "$(sql "$1" "SELECT count(*) FROM seen" 2>/dev/null)" = 1 ] && return
        sleep 1
    done
    wrong "$1: no mark after five minutes"
}
# count NAME CAMERA SECONDS: a run of so many seconds after its first mark, ended as systemd ends it
count() {
    start_count "$1" "$2"
    wait_for_mark "$1"
    sleep "$3"
    stop_count "$1"
}
start_count() {
    ./wayside count "$2" --model model --line road:0.5,1,0.5,0 --db "$work/$1.db" --quiet --sessions 1 \
        >"$work/$1.out" 2>"$work/$1.err" & pid=$!
}
stop_count() {
    kill -TERM $pid
    wait $pid; code=$?
    sed "s/^/    $1: /" "$work/$1.err"
    is "$1: status after SIGTERM" $code 130
}
# Frames of NAME that went through detector, tracker and counter, by its own summary.
seen() { sed -n 's/^\([0-9]*\) frames in .*/\1/p' "$work/$1.err"; }

# adds_up NAME FPS: what was seen and what is in the gaps is all that there was, by the driver's own clock.
adds_up() {
    gaps=$(sql "$1" "SELECT coalesce(sum(frames), 0) FROM gap")
    span=$(sql "$1" "SELECT CAST(round((max(until_us) - min(from_us)) * $2 / 1e6) AS INTEGER) + 1 FROM seen")
    is "$1: $(seen "$1") frames seen + $gaps in gaps ($(sql "$1" "SELECT group_concat(reason || ' ' || n, ', ') \
        FROM (SELECT reason, sum(frames) n FROM gap GROUP BY reason)"))" "$(($(seen "$1") + gaps))" "$span"
}
