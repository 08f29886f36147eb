#!/usr/bin/env bash
# screen.sh WIDTHxHEIGHT SECONDS PICTURE COMMAND...: runs a command on a virtual screen of its own.
#
# Over SECONDS it is killed. PICTURE is the screen (PNG) at that moment, or after a failure. Without Xvfb the present
# DISPLAY is used. Exit code: the command's; 124 over the time; 125 no screen.
set -uo pipefail

size=$1 limit=$2 picture=$3
shift 3
work=$(mktemp -d) xvfb='' command='' watch=''
snap() { timeout 20 import -window root "$picture" || :; }
end() {
  for process in $watch $command $xvfb; do kill -KILL "$process" 2>/dev/null; done
  rm -rf "$work"
}
trap end EXIT
trap 'exit 143' TERM INT HUP

if command -v Xvfb >/dev/null; then
  mkdir -p -m 1777 /tmp/.X11-unix
  exec 8>"$work/display"  # Xvfb chooses a free number and writes it here
  Xvfb -displayfd 8 -screen 0 "${size}x24" -nolisten tcp -noreset >"$work/log" 2>&1 &
  xvfb=$!
  exec 8>&-
  for ((i = 0; i < 300; i++)); do
    [ ! -s "$work/display" ] && kill -0 "$xvfb" 2>/dev/null || break
    sleep 0.1
  done
  [ -s "$work/display" ] || { cat "$work/log" >&2; echo "screen.sh: Xvfb did not start" >&2; exit 125; }
  DISPLAY=:$(cat "$work/display")
  export DISPLAY
fi
[ -n "${DISPLAY:-}" ] || { echo "screen.sh: there is neither Xvfb nor a display" >&2; exit 125; }

"$@" &
command=$!
(
  for ((i = 0; i < limit; i++)); do sleep 1; done  # short ones, so that none is left over
  : >"$work/over"
  echo "screen.sh: over $limit s: killed" >&2
  snap
  kill -KILL "$command"
) &
watch=$!
wait "$command"
code=$?
if [ -e "$work/over" ]; then code=124; elif [ "$code" != 0 ]; then snap; fi
exit "$code"
