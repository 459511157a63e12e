// The review desk by keys: j and k move along a list, a digit or letter presses the button that shows it.
const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");

function move(step) {
  const links = [...document.querySelectorAll("[data-rows] [data-row]")];
  if (!links.length) return;
  const at = links.indexOf(document.activeElement);
  links[Math.max(0, Math.min(links.length - 1, at < 0 ? 0 : at + step))].focus();
}

document.addEventListener("keydown", (event) => {
  if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "j" || event.key === "k") return move(event.key === "j" ? 1 : -1);
  const button = document.querySelector(`[data-desk] [data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
});
