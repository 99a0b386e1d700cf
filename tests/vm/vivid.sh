# Inside the machine: the kernel's test camera. Formats, strides, dropped buffers, a camera that is unplugged, refusals.
. ./guest.sh
uname -m
camera() { v4l2-ctl -d /dev/video0 "$@"; }

./wayside cameras >$work/list
head -3 $work/list
is "capture nodes" "$(grep -c ^v4l: $work/list)" 1
grep -q '^  \* NV12' $work/list && ok "NV12 is marked as readable" || wrong "no NV12 in the list"

for format in yuyv nv12 rgb24 i420 uyvy bgr24 grey; do
    ./wayside cameras --snapshot v4l,size=640x360,format=$format:/dev/video0 -o $format.jpg || wrong "$format: no snapshot"
done
# A stride that is not the width, as it stays behind from another format.
camera --set-fmt-video=width=640,height=360,pixelformat=NV12,bytesperline=1280
./wayside cameras --snapshot v4l,size=640x360,format=nv12:/dev/video0 -o stride.jpg || wrong "no snapshot with a stride"
is "stride of NV12, 640 wide" "$(camera --get-fmt-video | sed -n 's/.*Bytes per Line *: *//p')" 1280

for format in yuyv nv12 rgb24; do
    count $format v4l,size=640x360,fps=10,format=$format:/dev/video0 3
    is "$format: live runs of 640x360" "$(sql $format "SELECT count(*) FROM run WHERE live AND width_px = 640 AND height_px = 360")" 1
    is "$format: stopped in order" "$(sql $format "SELECT ending FROM session")" stopped
    adds_up $format 10
done

camera --set-ctrl=percentage_of_dropped_buffers=30
count dropped v4l,size=320x180,fps=10,format=yuyv:/dev/video0 10
camera --set-ctrl=percentage_of_dropped_buffers=0
adds_up dropped 10
lost=$(sql dropped "SELECT coalesce(sum(frames), 0) FROM gap WHERE reason = 'source'")
span=$(sql dropped "SELECT (max(until_us) - min(from_us)) / 100000 FROM seen")
[ $((lost * 100)) -gt $((span * 15)) ] && ok "$lost of $span frames were dropped by the driver" || wrong "only $lost of $span dropped"

# Unplugged in the middle: vivid comes back when all have let go of it.
cat >$work/run.toml <<TOML
[database]
path = "$work/away.db"
[model]
name = "/host/model"
[[source]]
name = "road"
input = "v4l,size=320x180,fps=10,format=yuyv:/dev/video0"
lines = [{ name = "road", from = [0.5, 1.0], to = [0.5, 0.0] }]
TOML
./wayside run --config $work/run.toml --quiet >$work/away.out 2>$work/away.err & pid=$!
wait_for_mark away
camera --set-ctrl=disconnect=1
sleep 20
kill -TERM $pid; wait $pid; code=$?
sed 's/^/    away: /' $work/away.err
is "status after SIGTERM" $code 0
is "sessions" "$(sql away "SELECT count(*) || ' ' || ending FROM session")" "1 stopped"
grep -q "the camera is gone" $work/away.err && ok "the loss is said" || wrong "nothing is said of the loss"
grep -q "delivers again" $work/away.err && ok "it came back" || wrong "it did not come back"
away=$(sql away "SELECT max(frames) FROM gap WHERE reason = 'source'")
[ "${away:-0}" -ge 4 ] && ok "the time away is a gap of $away frames" || wrong "no gap for the time away"
after=$(sql away "SELECT (SELECT max(until_us) FROM seen) - (SELECT max(to_us) FROM gap WHERE frames = $away)")
[ "${after:-0}" -gt 2000000 ] && ok "seen for $after us after it" || wrong "nothing was seen after it"

# Refusals, one line each.
refused() { ./wayside cameras --snapshot "$1" -o x.jpg 2>&1; }
holds "no camera" "$(refused /dev/null)" "no camera"
holds "missing" "$(refused /dev/video77)" "plugged in"
holds "another node of the camera" "$(refused /dev/video1)" "captures no video here"
holds "a format that it silently replaces" "$(refused v4l,format=mjpg:/dev/video0)" "does not give mjpg; it offers YUYV"
./wayside count v4l,size=320x180:/dev/video0 --model model --line 0.5,1,0.5,0 --no-db --quiet 2>/dev/null >/dev/null & pid=$!
# Until it holds the camera: an emulated processor on a busy machine takes its time.
for _ in $(seq 60); do ls -l /proc/$pid/fd 2>/dev/null | grep -q video0 && break; sleep 1; done
sleep 1
holds "busy" "$(refused /dev/video0)" "busy: another program"
kill -TERM $pid; wait $pid
chmod 660 /dev/video0
holds "no permission" "$(setpriv --reuid 65534 --regid 65534 --clear-groups ./wayside cameras --snapshot /dev/video0 -o /tmp/x.jpg 2>&1)" "usermod -aG video"
exit $failed
