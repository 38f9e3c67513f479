"""Tests of the client against a real `flyball gym` (address in FLYBALL_GYM)."""

import json
import unittest
import warnings

import gymnasium
import numpy as np
from gymnasium.utils.env_checker import check_env

import flyball_gym

OPTIONS = {"workloads": 4, "episode": 40}


class OneService(unittest.TestCase):
    def setUp(self):
        self.env = flyball_gym.FlyballEnv(options=OPTIONS)

    def tearDown(self):
        self.env.close()

    def test_gymnasium_finds_nothing_wrong(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # No spec: it is made by hand and not registered.
            warnings.filterwarnings("ignore", message=".*spec.*")
            warnings.filterwarnings("ignore", message=".*render.*")
            check_env(self.env)

    def test_an_episode_is_cut_off_after_its_length(self):
        self.env.reset(seed=3)
        for n in range(1, 41):
            observation, reward, terminated, truncated, info = self.env.step(3)
            self.assertTrue(self.env.observation_space.contains(observation))
            self.assertEqual((terminated, truncated), (False, n == 40))
            self.assertEqual(info["action_mask"][3], 1)  # as the base: always allowed
            self.assertLess(reward, 1e-3)  # nobody is cheaper than the oracle

    def test_the_same_seed_and_actions_are_the_same_episode(self):
        def play(seed):
            observations = [self.env.reset(seed=seed)[0]]
            for action in (0, 7, 3, 5, 3, 1):
                observations.append(self.env.step(action)[0])
            return np.stack(observations)

        first, other = play(1), play(2)
        self.assertTrue((play(1) == first).all())
        self.assertFalse((other == first).all())

    def test_a_survey_is_what_observations_were_like(self):
        survey = flyball_gym.Survey(2)
        survey.add([[1, 5], [3, 5]])
        survey.add([[5, 5]])
        said = json.loads(flyball_gym.model_property(self.env.about, survey, algorithm="ppo", steps=3))
        self.assertEqual(said["features"]["mean"], [3, 5])
        self.assertAlmostEqual(said["features"]["std"][0], (8 / 3) ** 0.5, places=6)
        self.assertEqual((said["features"]["std"][1], said["features"]["least"], said["features"]["most"]), (0, [1, 5], [5, 5]))
        self.assertEqual((said["schema"], said["actions"][3], said["origin"]["steps"]), (1, 1, 3))
        with self.assertRaisesRegex(flyball_gym.FlyballError, "survey of no observations"):
            flyball_gym.model_property(self.env.about, flyball_gym.Survey(2))

    def test_a_refusal_is_an_error_in_the_servers_words(self):
        self.env.reset(seed=1)
        with self.assertRaisesRegex(flyball_gym.FlyballError, "copy 0: must be 0 to 7, got 8"):
            self.env.step(8)
        self.env.step(3)  # and the environment goes on
        for action, named in ((2.5, "whole number, got 2.5"), ("3", "whole number, got 3"), (True, "whole number, got True"), (2**40, "at least 0 and below")):
            with self.assertRaisesRegex(flyball_gym.FlyballError, named):
                self.env.step(action)
        with self.assertRaisesRegex(flyball_gym.FlyballError, "workloads: must be 1 to"):
            flyball_gym.FlyballEnv(options={"workloads": 0})


class ManyServices(unittest.TestCase):
    def setUp(self):
        self.envs = flyball_gym.FlyballVectorEnv(num_envs=5, options=OPTIONS)

    def tearDown(self):
        self.envs.close()

    def test_shapes_spaces_and_final_observations(self):
        observations, infos = self.envs.reset(seed=1)
        self.assertTrue(self.envs.observation_space.contains(observations))
        self.assertEqual(infos["action_mask"].shape, (5, 8))
        for n in range(1, 41):
            observations, rewards, terminated, truncated, infos = self.envs.step(np.full(5, 3))
            self.assertEqual((observations.shape, rewards.shape), ((5, self.envs.about["width"]), (5,)))
            self.assertEqual("final_obs" in infos, n == 40)
        self.assertTrue(truncated.all() and infos["_final_obs"].all() and not terminated.any())
        self.assertFalse((infos["final_obs"][0] == observations[0]).all())

    def test_gymnasiums_wrappers_take_it(self):
        envs = gymnasium.wrappers.vector.RecordEpisodeStatistics(self.envs)
        envs.reset(seed=1)
        for _ in range(40):
            *_, infos = envs.step(envs.action_space.sample())
        self.assertEqual(list(infos["episode"]["l"]), [40] * 5)

    def test_an_action_that_is_cut_off_would_be_another(self):
        self.envs.reset(seed=1)
        with self.assertRaisesRegex(flyball_gym.FlyballError, "whole number, got 0.5 of type float64"):
            self.envs.step(np.full(5, 0.5))
        with self.assertRaisesRegex(flyball_gym.FlyballError, "an int32 for each of 5 copies"):
            self.envs.step(np.full(4, 3))

    def test_rounds_in_one_round_trip_are_the_same_steps(self):
        rounds = np.arange(60).reshape(12, 5) % 8
        self.envs.reset(seed=7)
        one_by_one = [self.envs.step(actions) for actions in rounds]
        connection = self.envs._connection
        connection.reset(7)
        for step, (observations, rewards, *_) in zip(connection.act_rounds(rounds), one_by_one):
            self.assertTrue((step.observations == observations).all())
            self.assertTrue((step.rewards == rewards.astype(np.float32)).all())


if __name__ == "__main__":
    unittest.main()
