#!/bin/sh
# Becomes the first process of a node: with it, the kernel ends every other process of the node, and with the last of them go the node's mounts,
# network and everything else that it had. Run in new mount, network and PID namespaces as: node.sh ROOT KUBERNETES PKI
#   ROOT        a directory of the machine that becomes the node's root; whatever the node writes is in there
#   KUBERNETES  the program with kubelet and kube-proxy in it
#   PKI         the directory with their certificates
set -eu
root=$1 kubernetes=$2 pki=$3
# This is still the machine's /proc, which shows the number that this process has on the machine.
read -r pid _ </proc/self/stat

mount --bind "$root" "$root"
cd "$root"
# The machine's programs, not to be written to.
for entry in bin sbin lib lib32 lib64 libx32 usr etc; do
    if [ -h "/$entry" ]; then
        [ -h "$entry" ] || ln -s "$(readlink "/$entry")" "$entry"
    elif [ -d "/$entry" ]; then
        mkdir -p "$entry"
        mount --bind "/$entry" "$entry"
        mount -o remount,bind,ro "$entry"
    fi
done
mkdir -p dev proc sys run tmp root var/lib var/log var/cache var/tmp wasser/pki wasser/old wasser/sysctl
chmod 1777 tmp var/tmp
[ -h var/run ] || ln -s /run var/run
mount --rbind /dev dev
mount --rbind /sys sys
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs run
touch wasser/kubernetes
mount --bind "$kubernetes" wasser/kubernetes
mount --bind "$pki" wasser/pki

pivot_root . wasser/old
cd /
umount -l /wasser/old
rmdir /wasser/old
# Mounts of one pod are seen by others.
mount --make-rshared /

# The kubelet sets these to these values, for the whole machine. Here it finds them as it wants them.
while read -r key value; do
    if [ -e "/proc/sys/$key" ]; then
        file=/wasser/sysctl/$(echo "$key" | tr / .)
        echo "$value" >"$file"
        mount --bind "$file" "/proc/sys/$key"
    fi
done <<END
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
END

ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
# Where this is a module, Services need it for pods of the same node.
modprobe br_netfilter 2>/dev/null || :
[ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables

echo "$pid" >/wasser/pid.new
mv /wasser/pid.new /wasser/pid
# Orphans are given to this process; as it ignores their end, the kernel forgets them.
exec env --ignore-signal=CHLD sleep infinity
