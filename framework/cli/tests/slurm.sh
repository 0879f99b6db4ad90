#!/usr/bin/env bash
# A sweep through Slurm: a whole cluster on this one machine, with munged, slurmctld and slurmd of its own, in a
# temporary folder and on free ports. Nothing of a Slurm that is installed here is touched.
#
# usage: slurm.sh CLF        needs root and Debian's packages slurm-wlm and munge
set -euo pipefail

clf=$(realpath "$1")
export PATH="$PATH:/usr/sbin"
dir=$(mktemp -d "${TMPDIR:-/tmp}/clf-slurm.XXXXXX")
chmod 755 "$dir"
host=$(hostname -s)
export SLURM_CONF="$dir/slurm.conf"
unset "${!SLURM_JOB@}" "${!SLURM_ARRAY@}"

stop() {
    code=$?
    trap - EXIT
    scancel --user="$(id -un)" 2>/dev/null || true
    for name in slurmd slurmctld munged; do
        # Each by its own pid file: other clusters of this machine are not ours.
        if [ -s "$dir/$name.pid" ]; then kill "$(cat "$dir/$name.pid")" 2>/dev/null || true; fi
    done
    if [ "$code" -ne 0 ]; then
        tail -n 30 "$dir"/*.log "$dir"/out/slurm/*.log "$dir"/out/logs/*.log 2>/dev/null || true
        echo "FAILED with $code"
    fi
    sleep 1
    rm -rf "$dir" || true
    exit "$code"
}
trap stop EXIT

fail() { echo "FAILED: $*"; exit 1; }

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
    local limit=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$limit" ] || fail "no $what"
        sleep 0.5
    done
    echo "$what (after ${SECONDS}s)"
}

free_port() {
    local port
    while port=$((20000 + RANDOM % 40000)); do
        (: </dev/tcp/127.0.0.1/"$port") 2>/dev/null || { echo "$port"; return; }
    done
}

entries() { grep "\"event\":\"$2\"" out/ledger.jsonl | grep -c "steps$1-" || true; }
job_of() { grep '"event":"submitted"' out/ledger.jsonl | grep 'steps200-' | tail -n 1 | sed 's/.*"slurm":"\([0-9_]*\)".*/\1/'; }
# The first row, and those of tasks, of the long point.
long_rows() { cat out/finetune-*steps200-*/matrix.csv | wc -l; }
long_has_learned() { [ "$(entries 200 started)" = "$1" ] && [ "$(long_rows)" -ge 2 ]; }
queue_is_empty() { [ -z "$(squeue --noheader)" ]; }
# status_has TEXT
status_has() { "$clf" sweep three.toml --status | grep -q "$1"; }
restarted() { scontrol show job "$1" | grep -q 'Restarts=1'; }
is_pending() { squeue --noheader --array --format=%T | grep -q PENDING; }
is_idle() { sinfo --noheader --format=%T | grep -q idle; }

# ---- the cluster
mkdir "$dir/state" "$dir/spool" "$dir/munge"
head -c 1024 /dev/urandom >"$dir/munge.key"
chmod 400 "$dir/munge.key"
cat >"$SLURM_CONF" <<CONF
ClusterName=clf-test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$dir/munge/socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
KillWait=20
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
# No cgroups: a container may not have them. Older versions cannot say so and need a plugin that is not used then.
case "$(slurmd -V | cut -d' ' -f2)" in
    2[0-2].* | 23.02.*) printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' >"$dir/cgroup.conf" ;;
    *) echo 'CgroupPlugin=disabled' >"$dir/cgroup.conf" ;;
esac
munged --force --socket="$dir/munge/socket" --key-file="$dir/munge.key" --pid-file="$dir/munged.pid" \
    --log-file="$dir/munged.log" --seed-file="$dir/munge.seed" 2>"$dir/munged-start.log"
slurmctld
slurmd
wait_for 60 "idle node" is_idle

# ---- the sweep: two short points and a long one
cd "$dir"
cat >three.toml <<'TOML'
scenario = "mtil-mini"
methods = ["finetune"]
out = "out"
limit-test = 4
device = "cpu"
[set]
train.batch-size = 16
[grid]
train.steps = [2, 3, 200]
[slurm]
partition = "test"
time = "00:30:00"
cpus-per-task = 1
max-parallel = 2
TOML
"$clf" sweep three.toml --slurm --dry-run
grep -q -- "#SBATCH --array=0-2%2" out/slurm/job.sh || fail "no array of three tasks, two at a time"
[ -z "$(squeue --noheader)" ] || fail "a dry run submitted something"
"$clf" sweep three.toml --slurm | tee submitted.txt
grep -q "submitted as job" submitted.txt || fail "not submitted"
"$clf" sweep three.toml --slurm | grep -q "nothing to submit" || fail "submitted twice"
wait_for 300 "two short points finished" status_has '3 points: 2 finished, 1 running'
wait_for 300 "long point at work" long_has_learned 1

# ---- cancelled midway, and submitted again
scancel "$(job_of)"
wait_for 60 "empty queue" queue_is_empty
"$clf" sweep three.toml --status | tee status.txt
grep -q "2 finished, 1 stopped" status.txt || fail "the cancelled point is not stopped"
[ "$(entries 200 stopped)" = 1 ] || fail "the cancelled run did not end by itself"
"$clf" sweep three.toml --slurm | grep "1 point, submitted as job" || fail "not one point submitted again"
wait_for 300 "long point at work again" long_has_learned 2

# ---- the time of the job is nearly over: Slurm sends SIGUSR1 to the first process
task=$(job_of)
# An earlier attempt may have left the rows that were waited for.
sleep 3
scancel --batch --signal=USR1 "$task"
wait_for 60 "task in the queue again" restarted "$task"
wait_for 60 "task waiting" is_pending
"$clf" sweep three.toml --status | tee status.txt
grep -q "2 finished, 1 queued" status.txt || fail "the requeued point is not queued"
"$clf" sweep three.toml --slurm | grep -q "nothing to submit" || fail "a requeued point was submitted as well"
# Slurm holds requeued tasks back for two minutes. Started within the second in which it was ended, a task is taken for one
# that was killed.
sleep 3
scontrol update jobid="$task" StartTime=now
wait_for 300 "all points finished" status_has '3 points: 3 finished'

# ---- nothing was done twice
"$clf" sweep three.toml --status
for steps in 2 3; do
    [ "$(entries "$steps" started)" = 1 ] && [ "$(entries "$steps" finished)" = 1 ] || fail "$steps steps were run twice"
done
[ "$(entries 200 started)" = 3 ] && [ "$(entries 200 stopped)" = 2 ] && [ "$(entries 200 finished)" = 1 ] \
    || fail "the long point has another history"
"$clf" sweep three.toml --slurm | grep -q "nothing to submit" || fail "a finished point was submitted"
before=$(wc -l <out/ledger.jsonl)
"$clf" sweep three.toml >/dev/null
[ "$(wc -l <out/ledger.jsonl)" = "$before" ] || fail "a finished sweep did something"
echo "OK: slurm $(sinfo --version | cut -d' ' -f2), ${SECONDS}s"
