"""Train Stable-Baselines3's PPO on Flyball's simulator, and say what became of it.

    flyball gym &
    pip install gymnasium numpy stable-baselines3 onnx
    python train_sb3.py --steps 200000 --onnx policy.onnx

Rewards are the oracle's cost less one's own, per decision and replica of need, times
0.02, so 0 is the clairvoyant; "as the base" always takes the action that does as the
predictive policy does.
"""

import argparse

import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

import flyball_gym


class FlyballVecEnv(VecEnv):
    """Stable-Baselines3's view of the same connection: all copies in one round trip."""

    def __init__(self, num_envs=64, address=None, options=None, seed=1, environment=""):
        self._connection = flyball_gym.Connection(address, num_envs, seed, environment, options)
        super().__init__(num_envs, *flyball_gym.spaces(self._connection.about))
        self._actions = self._allowed = None
        self.about = self._connection.about
        self.survey = flyball_gym.Survey(self._connection.width)

    def reset(self):
        step = self._connection.reset()
        self._allowed = step.allowed
        self.survey.add(step.observations)
        return step.observations

    def step_async(self, actions):
        self._actions = actions

    def step_wait(self):
        step = self._connection.act(self._actions)
        self._allowed = step.allowed
        self.survey.add(step.observations)
        infos = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(step.terminated | step.truncated):
            infos[i] = {"terminal_observation": step.final[i], "TimeLimit.truncated": bool(step.truncated[i] and not step.terminated[i])}
        return step.observations, step.rewards, step.terminated | step.truncated, infos

    def action_masks(self):
        return self._allowed

    def close(self):
        self._connection.close()

    def seed(self, seed=None):
        if seed is not None:
            self._allowed = self._connection.reset(seed).allowed
        return [seed] * self.num_envs

    def _indices_of(self, indices):
        return range(self.num_envs) if indices is None else np.atleast_1d(indices)

    def get_attr(self, attr_name, indices=None):
        return [getattr(self, attr_name, None) for _ in self._indices_of(indices)]

    def set_attr(self, attr_name, value, indices=None):
        raise NotImplementedError("copies have no attributes of their own")

    def env_method(self, method_name, *args, indices=None, **kwargs):
        raise NotImplementedError("copies have no methods of their own")

    def env_is_wrapped(self, wrapper_class, indices=None):
        return [False for _ in self._indices_of(indices)]


def mean_reward(choose, options, decisions=480):
    """The mean reward of a decision on loads that were not trained on."""
    connection = flyball_gym.Connection(None, 64, 2, options=dict(options, heldOut=True))
    step, total = connection.reset(), 0.0
    for _ in range(decisions):
        step = connection.act(choose(step))
        total += float(step.rewards.mean())
    connection.close()
    return total / decisions


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--copies", type=int, default=64)
    parser.add_argument("--workloads", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--onnx", help="file to write the trained network to, for the policy learned")
    args = parser.parse_args()
    options = {"workloads": args.workloads}

    services = FlyballVecEnv(args.copies, options=options, seed=args.seed)
    envs = VecMonitor(services)
    as_base = services.about["actionNames"].index("× 1")
    model = PPO("MlpPolicy", envs, n_steps=128, batch_size=1024, gamma=0.99, ent_coef=0.001, seed=args.seed, device="cpu", verbose=0)
    # Begin as the base does, nearly always: what is learned is when not to.
    model.policy.action_net.bias.data[as_base] += 3.0

    before = mean_reward(lambda step: np.full(64, as_base), options)
    model.learn(args.steps)
    after = mean_reward(lambda step: model.predict(step.observations, deterministic=True)[0], options)
    print(f"as the base {before:.4f}, after {args.steps} steps {after:.4f} (mean reward of a decision on loads not trained on; 0 is the oracle)")
    if args.onnx:
        said = flyball_gym.model_property(services.about, services.survey, algorithm="ppo", description="Stable-Baselines3", base="predictive",
                                          seed=args.seed, steps=args.steps)
        export(model, args.onnx, said)
        print(f"try it: flyball evaluate --policy learned:model={args.onnx} --policy predictive")
    envs.close()


def export(model, path, said):
    """Write observation -> one number per action, and what the file says of itself."""
    import onnx
    import torch

    policy = model.policy.to("cpu")
    network = torch.nn.Sequential(*policy.mlp_extractor.policy_net, policy.action_net)
    width = model.observation_space.shape[0]
    torch.onnx.export(network, torch.zeros(1, width), path, input_names=["observation"], output_names=["scores"], dynamo=False)
    written = onnx.load(path)
    onnx.helper.set_model_props(written, {"flyball": said})
    onnx.save(written, path)


if __name__ == "__main__":
    main()
