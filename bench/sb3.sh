#!/usr/bin/env bash
# Stable-Baselines3's PPO and ours: the same environment (CartPole-v1, served to
# Python by flyball gym), nets, hyper-parameters and copies, one after the other.
# Prints steps per second of both, wall clock of all the learning, and the ratio.
# PYTHON names a Python with stable-baselines3; without one it is skipped by name.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
steps=${STEPS:-100000}
"$python" -c 'import stable_baselines3' 2>/dev/null || { echo "sb3: skipped, $python has no stable-baselines3 (PYTHON names another)"; exit 0; }
out=$(mktemp -d)
gym=
trap '[ -z "$gym" ] || kill "$gym"; rm -rf "$out"' EXIT

go build -o "$out/flyball" ./cmd/flyball
"$out/flyball" gym --listen "unix:$out/gym.sock" >/dev/null 2>&1 &
gym=$!
theirs=$(PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=examples/gym FLYBALL_GYM="unix:$out/gym.sock" "$python" - "$steps" <<'PYTHON'
import os, sys, time

while not os.path.exists(os.environ["FLYBALL_GYM"].removeprefix("unix:")):
    time.sleep(0.05)
import torch
from stable_baselines3 import PPO
from train_sb3 import FlyballVecEnv

steps = int(sys.argv[1])
model = PPO("MlpPolicy", FlyballVecEnv(4, environment="cartpole"), n_steps=128, batch_size=128, n_epochs=4, gamma=0.99, gae_lambda=0.95,
            clip_range=0.2, clip_range_vf=0.2, ent_coef=0.01, vf_coef=0.5, max_grad_norm=0.5, learning_rate=lambda left: 2.5e-4 * left,
            seed=1, device="cpu")
began = time.monotonic()
model.learn(steps)
print(steps / (time.monotonic() - began))
PYTHON
)
began=$(date +%s%N)
"$out/flyball" train --env cartpole --algo ppo --steps "$steps" --no-evaluate --out "$out/train" >"$out/log" 2>&1 || { cat "$out/log" >&2; exit 1; }
ended=$(date +%s%N)
awk -v steps="$steps" -v theirs="$theirs" -v ns="$((ended - began))" \
	'BEGIN { ours = steps / ns * 1e9; printf "PPO, 4 copies of CartPole-v1, %d steps: Stable-Baselines3 %.0f steps/s, Flyball %.0f steps/s, %.1f times as many\n", steps, theirs, ours, ours / theirs }'
