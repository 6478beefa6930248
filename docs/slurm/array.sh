#!/bin/bash
# One run shared by the tasks of a job array: no task talks to another; any may die, wait in the queue or come later.
#
#   sbatch docs/slurm/array.sh --model pit_s --suite imagenet-c --data /shared/imagenet/val
#
# The same again goes on with what is left, with any tasks: sbatch --array=0-31 docs/slurm/array.sh … is the same run.
# All tasks must see the same results folder ($RESULTS, default results/) and be given the same flags. Task 0 writes the
# reports; without it `python evaluate_robustness.py --fold results/robustness` does.
#SBATCH --job-name=robustness
#SBATCH --array=0-7
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --output=robustness-%A-%a.log
set -euo pipefail

# Not the number of tasks: with --array=3,5 there are two, and none of them is 0 or 1.
export RANK="$SLURM_ARRAY_TASK_ID" WORLD_SIZE=$((SLURM_ARRAY_TASK_MAX + 1)) LOCAL_RANK=0

# In place of the shell, so that SLURM's notice reaches the command: it finishes its batch and ends with 130.
exec python evaluate_robustness.py --out "${RESULTS:-results}" --name "${RUN:-$SLURM_JOB_NAME}" "$@"
