#!/bin/sh
# Starts a clean Debian as a machine of its own: service manager, processes, network, host name. What is written there is
# in memory, nothing of it remains. Prints the process that holds its namespaces when it runs; it ends when
# standard input does.
#   boot.sh ROOT EMPTY_FOLDER
set -eu
root=$1
here=$2

# This runs in a mount namespace of its own, so nobody else sees these mounts, and they go with it.
if [ "${3:-}" != inside ]; then exec unshare --mount "$0" "$root" "$here" inside; fi
mount -t tmpfs tmpfs "$here"
mkdir "$here/upper" "$here/work" "$here/root" "$here/cgroup"
mount -t overlay overlay -o "lowerdir=$root,upperdir=$here/upper,workdir=$here/work" "$here/root"
mount -t cgroup2 cgroup2 "$here/cgroup"
group=$here/cgroup/agentphone-package-$$
mkdir "$group"

# shellcheck disable=SC2016 # the inner shell expands these
setpriv --pdeathsig KILL sh -eu -c '
    echo 0 >"$2/cgroup.procs"
    exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child sh -eu -c '\''
        cd "$1"
        mount -t proc proc proc
        mount -t sysfs sysfs sys
        mount -t cgroup2 cgroup2 sys/fs/cgroup
        mount -t tmpfs tmpfs run
        mkdir run/old
        : >etc/machine-id
        ln -s /dev/null etc/systemd/system/getty.target
        pivot_root . run/old
        exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -eu -c "
            cd /
            umount --lazy /run/old
            ip link set lo up
            exec /lib/systemd/systemd"
    '\'' sh "$1"
' sh "$here/root" "$group" </dev/null >/dev/null 2>&1 &
machine=$!

enter() {
    nsenter --target "$machine" --mount --net --uts --ipc --cgroup \
        --pid="/proc/$machine/ns/pid_for_children" "$@"
}
# Some hundred milliseconds usually. The manager takes orders as soon as its socket is there.
tries=0
until [ "$(enter systemctl is-system-running --wait 2>/dev/null)" = running ]; do
    tries=$((tries + 1))
    if [ $tries = 200 ] || [ ! -d "/proc/$machine" ]; then
        echo "the system in $root does not start:" >&2
        enter systemctl --no-pager --failed >&2 || true
        exit 1
    fi
    sleep 0.05
done
echo "$machine"

cat >/dev/null
kill -KILL "$machine"
wait "$machine" 2>/dev/null || true
tries=0
until grep -q "populated 0" "$group/cgroup.events" || [ $tries = 100 ]; do
    tries=$((tries + 1))
    sleep 0.05
done
find "$group" -depth -type d -exec rmdir {} \;
