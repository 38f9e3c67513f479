"""Flyball's simulator as a Gymnasium environment: a client of `flyball gym`.

Needs gymnasium and numpy. Start the server, then:

    import flyball_gym
    env = flyball_gym.FlyballEnv()                     # one service
    envs = flyball_gym.FlyballVectorEnv(num_envs=64)   # many, in one round trip

docs/gym.md describes the protocol, the observation and the actions.
"""

import json
import os
import socket
import struct

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

VERSION = 1
ADDRESS = os.environ.get("FLYBALL_GYM", "127.0.0.1:7090")


class FlyballError(RuntimeError):
    """What the server has refused, in its words."""


class Step:
    """What all copies answer; the arrays are of shape (copies, …)."""

    def __init__(self, data, offset, copies, width, actions):
        self.end = offset

        def take(dtype, *shape):
            count = int(np.prod(shape))
            array = np.frombuffer(data, dtype, count, self.end).reshape(shape)
            self.end += array.nbytes
            return array.copy()  # what was read is read-only, and the caller's own

        self.observations = take("<f4", copies, width)
        self.final = take("<f4", copies, width)  # only of copies whose episode ended
        self.rewards = take("<f4", copies)
        self.terminated = take("?", copies)
        self.truncated = take("?", copies)
        self.allowed = take("?", copies, actions)


def whole(actions):
    """Actions as the protocol has them. What is no whole number is refused: cut off, 2.5 would be another action."""
    array = np.asarray(actions)
    if array.size and array.dtype.kind not in "iu":
        raise FlyballError(f"an action must be a whole number, got {array.flat[0]} of type {array.dtype}")
    if array.size and (array.min() < 0 or array.max() >= 2**31):
        raise FlyballError(f"an action must be at least 0 and below what env.about['actions'] says, got {array.min()} to {array.max()}")
    return np.ascontiguousarray(array, "<i4")


class Connection:
    """A connection to `flyball gym`, with an environment of its own."""

    def __init__(self, address=None, copies=1, seed=0, environment="", options=None):
        address = address or ADDRESS
        if address.startswith("unix:"):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.connect(address[len("unix:"):])
        else:
            host, port = address.rsplit(":", 1)
            self._socket = socket.create_connection((host.strip("[]"), int(port)))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")
        opening = {"version": VERSION, "copies": copies, "seed": seed}
        if environment:
            opening["environment"] = environment
        if options:
            opening["options"] = options
        try:
            self._send(b"o", json.dumps(opening).encode())
            self.about = json.loads(self._receive(b"w"))
        except BaseException:
            self.close()
            raise
        self.copies, self.width, self.actions = (self.about[k] for k in ("copies", "width", "actions"))

    def reset(self, seed=None):
        """Begin every copy anew; with a seed as if just opened with it."""
        self._send(b"r", b"" if seed is None else struct.pack("<Q", seed))
        return self._step()

    def act(self, actions):
        """Take one action per copy."""
        self._send(b"a", whole(actions).tobytes())
        return self._step()

    def act_rounds(self, actions):
        """Take several rounds of actions, of shape (rounds, copies), in one round trip."""
        actions = whole(actions)
        self._send(b"a", actions.tobytes())
        data, steps, offset = self._receive(b"s"), [], 0
        for _ in range(len(actions)):
            steps.append(Step(data, offset, self.copies, self.width, self.actions))
            offset = steps[-1].end
        return steps

    def close(self):
        if getattr(self, "_reader", None):
            self._reader.close()
        self._socket.close()

    def _step(self):
        return Step(self._receive(b"s"), 0, self.copies, self.width, self.actions)

    def _send(self, kind, payload):
        self._socket.sendall(struct.pack("<I", len(payload) + 1) + kind + payload)

    def _receive(self, wanted):
        size, kind = struct.unpack("<Ic", self._exactly(5))
        payload = self._exactly(size - 1)
        if kind == b"e":
            raise FlyballError(json.loads(payload)["error"])
        if kind != wanted:
            raise FlyballError(f"the server sent a frame of kind {kind!r}, want {wanted!r}")
        return payload

    def _exactly(self, n):
        data = self._reader.read(n)
        if len(data) != n:
            raise FlyballError("the server has ended the connection")
        return data


class Survey:
    """What each number of an observation was like: mean, deviation, extremes.

    A policy that runs is asked only about what its training has met, so its file
    must say what that was.
    """

    def __init__(self, width):
        self.count = 0
        self._sum, self._squares = np.zeros(width), np.zeros(width)
        self._least, self._most = np.full(width, np.inf), np.full(width, -np.inf)

    def add(self, observations):
        """Count observations, of shape (copies, width)."""
        rows = np.asarray(observations, np.float64)
        self.count += len(rows)
        self._sum += rows.sum(0)
        self._squares += (rows**2).sum(0)
        self._least = np.minimum(self._least, rows.min(0))
        self._most = np.maximum(self._most, rows.max(0))

    def features(self):
        """As the file of a model holds them; there must be observations."""
        if self.count == 0:
            raise FlyballError("a survey of no observations: a model must say what it has met in training")
        mean = self._sum / self.count
        deviation = np.sqrt(np.maximum(0, self._squares / self.count - mean**2))
        parts = {"mean": mean, "std": deviation, "least": self._least, "most": self._most}
        return {name: [float(np.float32(v)) for v in values] for name, values in parts.items()}


def model_property(about, survey, **origin):
    """What an ONNX file says of itself in the property "flyball", so that Flyball runs it."""
    said = {**about["model"], "features": survey.features(), "origin": {"seed": 0, "steps": 0, **origin}}
    return json.dumps(said, allow_nan=False)


def spaces(about):
    """The spaces of one copy."""
    low, high = about.get("low", -np.inf), about.get("high", np.inf)
    return (
        gymnasium.spaces.Box(low, high, (about["width"],), np.float32),
        gymnasium.spaces.Discrete(about["actions"]),
    )


class FlyballEnv(gymnasium.Env):
    """One copy. info["action_mask"] and action_masks() say which actions make a difference."""

    metadata = {"render_modes": []}

    def __init__(self, address=None, environment="", options=None, render_mode=None):
        self.render_mode = render_mode
        self._connection = Connection(address, 1, 0, environment, options)
        self.about = self._connection.about
        self.observation_space, self.action_space = spaces(self.about)
        self._allowed = None

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is None and self._allowed is None:
            seed = int(self.np_random.integers(2**63))  # the first episode of an unseeded environment
        step = self._connection.reset(seed)
        self._allowed = step.allowed[0]
        return step.observations[0], {"action_mask": self._allowed.astype(np.int8)}

    def step(self, action):
        step = self._connection.act(np.reshape(action, 1))
        ended = step.terminated[0] or step.truncated[0]
        self._allowed = step.allowed[0]
        info = {"action_mask": self._allowed.astype(np.int8)}
        observation = step.final[0] if ended else step.observations[0]
        return observation, float(step.rewards[0]), bool(step.terminated[0]), bool(step.truncated[0]), info

    def action_masks(self):
        return self._allowed

    def close(self):
        self._connection.close()


class FlyballVectorEnv(gymnasium.vector.VectorEnv):
    """Many copies, stepped by the server in one round trip.

    A copy whose episode ends begins the next in the same step; the last
    observation of the old one is in infos["final_obs"].
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(self, num_envs=64, address=None, environment="", options=None, render_mode=None):
        self.render_mode = render_mode
        self.num_envs = num_envs
        self._connection = Connection(address, num_envs, 0, environment, options)
        self.about = self._connection.about
        self.single_observation_space, self.single_action_space = spaces(self.about)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._allowed = None

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is None and self._allowed is None:
            seed = int(self.np_random.integers(2**63))
        step = self._connection.reset(seed)
        self._allowed = step.allowed
        return step.observations, self._masks()

    def step(self, actions):
        step = self._connection.act(actions)
        self._allowed = step.allowed
        infos = self._masks()
        ended = step.terminated | step.truncated
        if ended.any():
            final = np.full(self.num_envs, None, dtype=object)
            for i in np.flatnonzero(ended):
                final[i] = step.final[i]
            infos["final_obs"], infos["_final_obs"] = final, ended
        return step.observations, step.rewards.astype(np.float64), step.terminated, step.truncated, infos

    def action_masks(self):
        return self._allowed

    def close_extras(self, **kwargs):
        self._connection.close()

    def _masks(self):
        return {"action_mask": self._allowed.astype(np.int8), "_action_mask": np.ones(self.num_envs, bool)}
