#!/bin/bash
# One run on all GPUs of several nodes: torchrun starts a process for each, and starts them anew when one has died.
#
#   sbatch docs/slurm/torchrun.sh --model pit_s --suite imagenet-c --data /shared/imagenet/val
#
# torchrun's processes meet at a port of the first node, which must be open within the job; the command itself opens no
# process group and sends nothing. Where that is a burden, array.sh does the same without.
#SBATCH --job-name=robustness
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=04:00:00
#SBATCH --output=robustness-%j.log
set -euo pipefail

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
srun --kill-on-bad-exit=0 torchrun \
    --nnodes="$SLURM_NNODES" --nproc-per-node="$SLURM_GPUS_ON_NODE" --max-restarts=3 \
    --rdzv-id="$SLURM_JOB_ID" --rdzv-backend=c10d --rdzv-endpoint="$first:${PORT:-29500}" \
    evaluate_robustness.py --out "${RESULTS:-results}" --name "${RUN:-$SLURM_JOB_NAME}" "$@"
