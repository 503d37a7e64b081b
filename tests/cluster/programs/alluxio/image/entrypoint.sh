#!/bin/bash
# entrypoint.sh master-only|worker-only|job-master|job-worker|fuse [ARGUMENT...]
# Starts a process of Alluxio as Alluxio's own image does: the settings come from the environment, and `alluxio` finds them in a file.
set -e
{
  for name in ${!ALLUXIO_*}; do
    # In double quotes: one setting may mention another.
    printf 'export %s="%s"\n' "$name" "${!name}"
  done
} > /opt/alluxio/conf/alluxio-env.sh
process=$1
shift
case $process in
  master-only) exec alluxio run master alluxio.master.AlluxioMaster ;;
  worker-only) exec alluxio run worker alluxio.worker.AlluxioWorker ;;
  job-master) exec alluxio run job_master alluxio.master.AlluxioJobMaster ;;
  job-worker) exec alluxio run job_worker alluxio.worker.AlluxioJobWorker ;;
  fuse)
    case $1 in --fuse-opts=*) options=${1#*=}; shift ;; esac
    exec /opt/alluxio/integration/fuse/bin/alluxio-fuse mount -n -o "$options" "$@"
    ;;
  *) echo "there is no process $process in this image" >&2; exit 1 ;;
esac
