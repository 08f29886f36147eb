#!/usr/bin/env bash
# get_blender.sh FOLDER SUITE: Debian's Blender with its window, software OpenGL, a virtual screen, and real mouse and
# keys, in a chroot. SUITE: sid (Blender 5.2) or trixie (Blender 4.3).
#
# Needs root, Debian or a relative of it, and the mirror that this machine's apt takes Debian from (or DEBIAN_MIRROR).
# About 1.3 GB and 1 to 3 minutes; a finished chroot is known by its stamp and left alone, a half one is made anew.
# Exit code: 0 ready; 2 this machine cannot; 1 something went wrong.
set -euo pipefail

die() { echo "get_blender.sh: $1" >&2; exit "${2:-1}"; }

[ $# = 2 ] || die "usage: get_blender.sh FOLDER sid|trixie" 2
[ "$(id -u)" = 0 ] || die "making a chroot with a Blender needs root" 2
# In namespaces of its own: however this ends, nothing that it started or mounted is left
if [ -z "${GET_BLENDER_INSIDE:-}" ]; then
  GET_BLENDER_INSIDE=1 setpriv --pdeathsig KILL \
    unshare --mount --propagation private --pid --mount-proc --fork --kill-child=KILL bash "$0" "$@" &
  child=$!
  stop() { trap '' TERM INT HUP; kill -KILL "$child" 2>/dev/null || :; wait "$child" 2>/dev/null || :; exit "$1"; }
  trap 'stop 143' TERM; trap 'stop 130' INT; trap 'stop 129' HUP
  rc=0; wait "$child" || rc=$?
  exit "$rc"
fi

chroot=$(realpath -m -- "$1") suite=$2
case $chroot in /|/usr*|/etc*|/home|/root|/var|/tmp|/bin*|/lib*|/boot*) die "refusing to use $chroot" 2 ;; esac
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
  grep -v security | head -n 1)}
mirror=${mirror:-$(sed -nE 's/^URIs: *([^ ]*debian)\/?$/\1/p; s/^deb (\[[^]]*\] )?([^ ]*debian)\/? .*/\2/p' \
  /etc/apt/sources.list.d/* /etc/apt/sources.list 2>/dev/null | head -n 1)}
[ -n "$mirror" ] || die "apt's sources name no Debian mirror: set DEBIAN_MIRROR" 2

packages=(
  blender
  # imported by Blender's own scripts, yet no dependency of Debian's package
  python3-numpy python3-cattr python3-requests python3-zstandard
  # OpenGL in software, through X and through EGL
  libgl1-mesa-dri libglx-mesa0 libegl1 libegl-mesa0
  # the screen, mouse and keys, pictures of the screen
  xvfb xdotool imagemagick x11-utils
)
recipe=$(printf '%s\n' "$suite" "$mirror" "${packages[@]}" "recipe 2" | sha256sum | cut -c1-16)
stamp=$chroot/.get-blender
unfinished=$chroot.unfinished

mkdir -p -- "$(dirname -- "$chroot")"
exec 9>"$chroot.lock"
flock 9

blender_version() { chroot "$chroot" /usr/bin/blender --version 2>/dev/null | sed -n '1s/^Blender //p'; }
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$recipe" ] && v=$(blender_version) && [ -n "$v" ]; then
  exit 0
fi
# Only what this script made is removed, and never through a mount
if [ -e "$chroot" ] && [ -n "$(ls -A -- "$chroot")" ]; then
  [ -f "$stamp" ] || [ -f "$unfinished" ] || die "$chroot is not empty and was not made by this script" 2
  if cut -d' ' -f2 /proc/self/mounts | grep -q "^$chroot/"; then die "something is mounted under $chroot"; fi
  rm -rf --one-file-system -- "$chroot"
fi
: > "$unfinished"

log=$(mktemp "${TMPDIR:-/tmp}/get-blender.XXXXXX.log")
trap 'rc=$?; if [ $rc != 0 ]; then tail -n 25 "$log" >&2; fi; rm -f "$log"' EXIT
say() { echo "get_blender.sh: [$SECONDS s] $*"; }
quiet() { echo "+ $*" >>"$log"; "$@" >>"$log" 2>&1 </dev/null; }
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

if ! command -v debootstrap >/dev/null || [ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then
  say "installing debootstrap"
  quiet apt-get update
  quiet apt-get install -y --no-install-recommends debootstrap debian-archive-keyring
fi
say "Debian $suite into $chroot"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
quiet debootstrap --variant=minbase --keyring="$keyring" "$suite" "$chroot" "$mirror"

# A mirror may lag behind (sid's list is valid for a week only): dates are not checked, signatures are
cat >"$chroot/etc/apt/apt.conf.d/99get-blender" <<'APT'
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::Check-Valid-Until "false";
Acquire::Check-Date "false";
Dpkg::Use-Pty "false";
APT
cat >"$chroot/etc/dpkg/dpkg.cfg.d/99get-blender" <<'DPKG'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
DPKG
printf '#!/bin/sh\nexit 101\n' >"$chroot/usr/sbin/policy-rc.d"  # starts no daemon
chmod 755 "$chroot/usr/sbin/policy-rc.d"
cp -L /etc/resolv.conf "$chroot/etc/resolv.conf"
ln -sf /proc/self/mounts "$chroot/etc/mtab"  # else Blender complains at every start

say "Blender, its screen, its mouse"
quiet chroot "$chroot" apt-get update
quiet chroot "$chroot" apt-get install -y "${packages[@]}"
quiet chroot "$chroot" apt-get clean
rm -rf "$chroot"/var/lib/apt/lists/* "$chroot"/var/cache/debconf/*-old
mkdir -p "$chroot/var/cache/mesa" && chmod 1777 "$chroot/var/cache/mesa"  # compiled shaders: starts in 4 s, not 15 s

check='import bpy, numpy; print("CHECK", bpy.app.version_string)'
HOME=/tmp quiet chroot "$chroot" /usr/bin/blender --background --factory-startup --offline-mode --python-expr "$check"
HOME=/tmp quiet chroot "$chroot" /usr/bin/blender --offline-mode --command extension repo-list
grep -q '^CHECK' "$log" || die "Blender's Python did not answer"
if grep -q ModuleNotFoundError "$log"; then die "Blender lacks a Python module"; fi
echo "$recipe" >"$stamp"
rm -f "$unfinished"
say "Blender $(grep '^CHECK' "$log" | tail -n1 | cut -d' ' -f2) is ready"
