#!/usr/bin/env bash
# run.sh CHROOT FOLDER COMMAND...: runs a command in a chroot of get_blender.sh. Needs root.
#
# FOLDER is bind-mounted at its own path and is the current directory; /tmp is in memory; the network is the host's.
# Mounts and processes are namespaces of their own: when the command ends, or this script is killed, whatever was
# started is killed and every mount is gone. The environment is passed on only where it starts with BLENDER_ or GUI_.
set -euo pipefail

chroot=$(realpath -e -- "$1") folder=$(realpath -e -- "$2")
shift 2
variables=(
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp/home XDG_RUNTIME_DIR=/tmp/run
  LANG=C.UTF-8 LC_ALL=C.UTF-8 TERM=dumb PYTHONDONTWRITEBYTECODE=1
  LIBGL_ALWAYS_SOFTWARE=1 GALLIUM_DRIVER=llvmpipe MESA_SHADER_CACHE_DIR=/var/cache/mesa
)
while IFS= read -r -d '' variable; do
  case $variable in BLENDER_*=*|GUI_*=*) variables+=("$variable") ;; esac
done < <(env -0)
# shellcheck disable=SC2016  # expanded by the inner bash
outer='
set -euo pipefail
chroot=$1 folder=$2; shift 2
mount --make-rprivate /
mount -t proc proc "$chroot/proc"
mount --rbind /dev "$chroot/dev"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$chroot/dev/shm"
mount --rbind /sys "$chroot/sys"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$chroot/tmp"
mkdir -p "$chroot$folder" "$chroot/tmp/home" "$chroot/tmp/run"
chmod 700 "$chroot/tmp/run"
mount --rbind "$folder" "$chroot$folder"
exec chroot "$chroot" /usr/bin/env -i "$@"
'
setpriv --pdeathsig KILL unshare --mount --pid --ipc --fork --kill-child=KILL \
  bash -c "$outer" run "$chroot" "$folder" "${variables[@]}" \
  /bin/bash -c 'cd "$1" && shift && exec "$@"' run "$folder" "$@" <&0 &
child=$!
stop() { trap '' TERM INT HUP; kill -KILL "$child" 2>/dev/null || :; wait "$child" 2>/dev/null || :; exit "$1"; }
trap 'stop 143' TERM; trap 'stop 130' INT; trap 'stop 129' HUP
rc=0; wait "$child" || rc=$?
exit "$rc"
