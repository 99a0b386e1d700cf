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
# count NAME CAMERA SECONDS: a run of so many seconds, ended as systemd ends it
count() {
    timeout -s TERM "$3" ./wayside count "$2" --model model --line road:0.5,1,0.5,0 --db "$work/$1.db" --quiet \
        >"$work/$1.out" 2>"$work/$1.err" || true
    sed "s/^/    $1: /" "$work/$1.err"
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
