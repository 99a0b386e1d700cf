# Inside the machine: an MJPG camera that shows the synthetic road, from its pixels to rows. Its first buffer is garbage.
. ./guest.sh
uname -m
python3 /lab/mjpeg-feed.py road.mjpeg /dev/video20 2 >$work/feeder & feeder=$!
# The device is a camera once somebody feeds it.
for _ in $(seq 200); do grep -q pictures $work/feeder && break; sleep 1; done
cat $work/feeder
./wayside cameras
./wayside cameras --snapshot v4l,format=mjpg:/dev/video20 -o mjpg.jpg || wrong "no snapshot"
holds "what it does not give" "$(./wayside cameras --snapshot v4l,format=nv12:/dev/video20 -o x.jpg 2>&1)" "does not give nv12"

# It stalls, and goes on: the feeder sleeps for longer than a camera may.
start_count mjpg v4l,format=mjpg:/dev/video20
wait_for_mark mjpg
sleep 40; kill -STOP $feeder; sleep 14; kill -CONT $feeder; sleep 20
stop_count mjpg
kill $feeder
is "live runs of 640x360" "$(sql mjpg "SELECT count(*) FROM run WHERE live AND width_px = 640 AND height_px = 360")" 1
crossings=$(sql mjpg "SELECT count(*) FROM crossing")
[ "$crossings" -ge 1 ] && ok "$crossings crossings" || wrong "no crossing"
sql mjpg "SELECT line, direction, class, frame_seq, datetime(media_us / 1e6, 'unixepoch') FROM passage NATURAL JOIN \
    (SELECT id AS crossing_id, frame_seq FROM crossing) LIMIT 5" | sed 's/^/    /'
grep -q "no picture for 8 s" $work/mjpg.err && ok "the stall is said" || wrong "nothing is said of the stall"
grep -q "delivers again" $work/mjpg.err && ok "it came back" || wrong "it did not come back"
gap=$(sql mjpg "SELECT max(to_us - from_us) FROM gap WHERE reason = 'source'")
[ "${gap:-0}" -gt 8000000 ] && ok "the stall is a gap of $gap us" || wrong "no gap for the stall"
exit $failed
