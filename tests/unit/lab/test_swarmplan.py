"""The plan of a swarm: its members and their stays."""

from random import Random

from clientapp.lab.swarm.swarmplan import AWAY_SECONDS, Part, Role, Stage, Stay, plan

USERS, ARRAYS = Part(("users",), 10), Part(("arrays",), 50, weight=2)


def roles(*stages: Stage, seed: int = 1, **options: float) -> tuple[Role, ...]:
    """Return the plan of both parts."""
    return plan([USERS, ARRAYS], stages, Random(seed).random, **options)


def test_parts_share_the_members_by_weight() -> None:
    """One in three members collects users; the others collect arrays."""
    made = roles(Stage(9, 10.0))
    assert [role.part for role in made].count(USERS) == 3
    assert [role.name for role in made[:2]] == ["member-00000", "member-00001"]


def test_members_join_one_after_another() -> None:
    """A hundred members join per second, so that none waits for the others."""
    stays = [role.stays for role in roles(Stage(3, 10.0))]
    assert stays == [(Stay(0.0, 10.0),), (Stay(0.01, 10.0),), (Stay(0.02, 10.0),)]


def test_members_stay_in_stages_with_room() -> None:
    """A member is present in the stages that have room for it."""
    made = roles(Stage(1, 10.0), Stage(3, 5.0), Stage(0, 2.0), Stage(2, 4.0))
    assert made[0].stays == (Stay(0.0, 15.0), Stay(17.0, 21.0))
    assert made[1].stays == (Stay(10.0, 15.0), Stay(17.0 + 1 / 100, 21.0))
    assert made[2].stays == (Stay(10.0 + 1 / 100, 15.0),)


def test_the_same_seed_makes_the_same_plan() -> None:
    """The plan depends on the seed only."""
    stage = Stage(200, 20.0)
    made = roles(stage, churn=0.5, slow=0.1)
    assert made == roles(stage, churn=0.5, slow=0.1)
    assert made != roles(stage, churn=0.5, slow=0.1, seed=2)


def test_churn_and_slow_readers() -> None:
    """About the requested share of members leave and return once; another share reads slowly."""
    made = roles(Stage(1000, 20.0), churn=0.5, slow=0.1, slow_bytes=99.0)
    back = [role for role in made if len(role.stays) == 2]
    slow = [role for role in made if role.bytes_per_second is not None]
    assert 400 < len(back) < 600
    assert 50 < len(slow) < 150
    assert {role.bytes_per_second for role in slow} == {99.0}
    for role in back:
        first, second = role.stays
        assert AWAY_SECONDS[0] <= second.begin - first.end <= AWAY_SECONDS[1]
        assert first.begin < first.end < second.begin < second.end == 20.0


def test_short_stay_is_not_interrupted() -> None:
    """A member with a very short stay does not leave in between."""
    made = roles(Stage(5, 0.3), churn=1.0)
    assert all(len(role.stays) == 1 for role in made)
