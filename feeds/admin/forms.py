"""Forms of the admin, with errors as sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from django import forms
from django.forms.fields import InvalidJSONInput
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from clientapp.wire import names
from feeds.core.limits import LIMITS
from feeds.models import BlockReport, ClientSession, Feed
from feeds.sources import SpecError, check_spec

MOST_OFFERING = 2000
"""The number of newest sessions whose feeds and clients are offered as choices."""
MOST_OFFERED = 100
"""The most choices of one kind; nobody reads a longer list."""
MAX_NOTICE = 500
"""The most characters of a notice: a few lines on a terminal, not enough to flood it."""


class SpecField(forms.JSONField):
    """The field of a spec: JSON, with an error for anything else."""

    def to_python(self, value: Any) -> Any:
        """Return the value; raises no error other than ValidationError."""
        try:
            return _sendable(super().to_python(value))
        except forms.ValidationError:
            raise
        except (RecursionError, ValueError):
            raise forms.ValidationError(
                "Enter valid JSON. This is nested too deeply, or has a number or character that is "
                "not allowed."
            ) from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return the input, to be shown again."""
        try:
            return _sendable(super().bound_data(data, initial))
        except (RecursionError, ValueError):
            return InvalidJSONInput(data)


def _sendable(value: Any) -> Any:
    """Return *value* if it can be written as UTF-8; raises ValueError."""
    json.dumps(value, ensure_ascii=False).encode()
    return value


class FeedForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at run time
    """The form of a feed, whose spec must be valid for its kind."""

    class Meta:
        model = Feed
        field_classes = {"spec": SpecField}  # noqa: RUF012  Django reads it as it is
        fields = ("name", "kind", "spec", "seed", "rate", "enabled")
        help_texts = {  # noqa: RUF012  the same
            "rate": "Messages per second. A change takes effect within a second.",
            "enabled": "Off pauses the feed; when it is on again, its offsets continue "
            "without a gap.",
        }

    def clean(self) -> dict[str, Any]:
        """Validate the spec for the kind, and the number of feeds."""
        cleaned = super().clean() or self.cleaned_data
        if self.instance.pk is None and Feed.objects.count() >= LIMITS.feeds:
            self.add_error(None, f"there are {LIMITS.feeds} feeds, and no more are allowed")
        if "kind" in cleaned and "spec" in cleaned:
            # The field returns None if it is left empty.
            cleaned["spec"] = {} if cleaned["spec"] is None else cleaned["spec"]
            try:
                check_spec(cleaned["kind"], cleaned["spec"])
            except SpecError as error:
                self.add_error("spec", str(error))
        return cleaned


class NoticeForm(forms.Form):
    """The form of a notice to clients: one line."""

    text = forms.RegexField(
        r"^[^\x00-\x1f\x7f-\x9f]+\Z",
        max_length=MAX_NOTICE,
        error_messages={"invalid": "A notice is one line, without control characters."},
        help_text=f"One line of at most {MAX_NOTICE} characters.",
        widget=UnfoldAdminTextInputWidget({"autofocus": True}),
    )


class OfferedField(forms.ChoiceField):
    """
    A choice among stored values.

    The choices are values of the newest rows; any other value that *rule* allows
    is accepted as well.
    """

    def __init__(self, rule: re.Pattern[str], refusal: str) -> None:
        super().__init__(required=False, widget=UnfoldAdminSelectWidget())
        self._rule = rule
        self._refusal = refusal

    def offer(self, values: Iterable[str], asked: str, words: Callable[[str], str] = str) -> None:
        """Offer *values*, and *asked* if the rule allows it, each labelled by *words*."""
        offered = {*values, *([asked] if self._rule.fullmatch(asked) else [])}
        found = [(value, words(value)) for value in sorted(offered)]
        self.choices = [("", "any"), *found]

    def validate(self, value: str) -> None:
        """Refuse a value that the rule does not allow; raises ValidationError."""
        if value and not self._rule.fullmatch(value):
            raise forms.ValidationError(self._refusal)


class AnalysisForm(forms.Form):
    """The form that selects block reports for the analysis; empty fields do not filter."""

    feeds = OfferedField(
        re.compile(rf"{names.FEED_NAME.pattern}( {names.FEED_NAME.pattern})*"),
        f"This is not a feed name: {names.FEED_NAME_RULE}.",
    )
    label = OfferedField(names.LABEL, f"This is not a label: {names.LABEL_RULE}.")
    client = OfferedField(names.CLIENT_NAME, f"This is not a client: {names.CLIENT_NAME_RULE}.")
    first_day = forms.DateField(required=False, widget=UnfoldAdminTextInputWidget({"type": "date"}))
    last_day = forms.DateField(required=False, widget=UnfoldAdminTextInputWidget({"type": "date"}))
    by = forms.ChoiceField(
        label="Compare",
        required=False,
        choices=[("", "clients connected"), ("client", "each client by its name")],
        widget=UnfoldAdminSelectWidget(),
    )

    def __init__(self, asked: Mapping[str, str]) -> None:
        """Offer the values of the newest rows; takes a handful of bounded queries."""
        super().__init__(asked)
        sessions = ClientSession.objects.order_by("-connected_at", "-id")
        newest = list(sessions.values_list("feeds", "client")[:MOST_OFFERING])
        feeds = {" ".join(sorted(names_of.split())) for names_of, _ in newest}
        clients = [*dict.fromkeys(client for _, client in newest)][:MOST_OFFERED]
        fields = cast("dict[str, OfferedField]", self.fields)
        fields["feeds"].offer(
            feeds, asked.get("feeds", ""), lambda value: " + ".join(value.split())
        )
        fields["client"].offer(clients, asked.get("client", ""))
        fields["label"].offer(_labels(), asked.get("label", ""))

    def clean(self) -> dict[str, Any]:
        """Refuse a last day before the first day."""
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("first_day"), cleaned.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", f"This is before the first day, {first}.")
        return cleaned


def _labels() -> list[str]:
    """Return the first labels of stored reports, each found by one index lookup."""
    found: list[str] = []
    labels = BlockReport.objects.exclude(label="").order_by("label").values_list("label", flat=True)
    while len(found) < MOST_OFFERED:
        later = list(labels.filter(label__gt=found[-1] if found else "")[:1])
        if not later:
            break
        found += later
    return found
