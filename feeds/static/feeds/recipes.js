// Copies an example spec and its kind into the form of a feed.
"use strict";

for (const button of document.querySelectorAll(".recipes button")) {
  button.addEventListener("click", () => {
    const spec = document.getElementById("id_spec");
    spec.value = button.dataset.spec;
    document.getElementById("id_kind").value = button.dataset.kind;
    spec.focus();
  });
}
