"""Forms of the admin, whose errors are sentences."""

from __future__ import annotations

from typing import Any

from django import forms

from feeds.models import Feed
from feeds.sources import SpecError, check_spec


class FeedForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at run time
    """A feed whose source can be made."""

    class Meta:
        model = Feed
        fields = ("name", "kind", "spec", "seed", "rate", "enabled")

    def clean(self) -> dict[str, Any]:
        """Ask the kind's source whether it understands the spec."""
        cleaned = super().clean() or self.cleaned_data
        if "kind" in cleaned and "spec" in cleaned:
            # The field turns what is left empty into None.
            cleaned["spec"] = {} if cleaned["spec"] is None else cleaned["spec"]
            try:
                check_spec(cleaned["kind"], cleaned["spec"])
            except SpecError as error:
                self.add_error("spec", str(error))
        return cleaned
