"""The path prefix of a server behind a proxy."""

import pytest

from feeds.core.prefix import LONGEST, is_below, path_prefix


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("", ""),
        ("/", ""),
        ("/feeds", "/feeds"),
        ("feeds/", "/feeds"),
        ("/live/feeds/", "/live/feeds"),
        ("/~team/v1.0_x-y", "/~team/v1.0_x-y"),
        ("/...", "/..."),
    ],
)
def test_prefix_begins_with_a_slash_and_ends_without_one(text: str, prefix: str) -> None:
    """Slashes at the ends of the setting do not matter."""
    assert path_prefix(text) == prefix


@pytest.mark.parametrize(
    "text",
    ["a b", "a//b", "..", "a/../b", "./a", "a?b", "a#b", "a%2Fb", "ä", 'a"b', "a\n", "a" * LONGEST],
)
def test_anything_else_is_refused(text: str) -> None:
    """Text that would need an escape in a link, or is longer than allowed, is refused."""
    with pytest.raises(ValueError, match="is not a path prefix"):
        path_prefix(text)


@pytest.mark.parametrize(
    ("path", "is_inside"),
    [
        ("/feeds", True),
        ("/feeds/", True),
        ("/feeds/admin/", True),
        ("/feedsx", False),
        ("/", False),
    ],
)
def test_prefix_ends_at_a_slash(path: str, is_inside: bool) -> None:  # noqa: FBT001  parametrized
    """A path that only begins with the same letters is elsewhere."""
    assert is_below(path, "/feeds") is is_inside
    assert is_below(path, "")
