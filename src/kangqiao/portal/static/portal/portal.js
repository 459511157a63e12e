// What pages need beyond HTML: drawer, menus, keys, confirmation, copying. No page depends on it to work.
const body = document.body;

function toggleDrawer(open) {
  const button = document.querySelector(".kq-drawer-button");
  if (!button) return;
  if (open) body.dataset.drawer = "open";
  else delete body.dataset.drawer;
  button.setAttribute("aria-expanded", String(open));
  if (open) document.querySelector("#kq-nav a")?.focus();
  else if (document.activeElement?.closest("#kq-nav")) button.focus();
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.kq-menu[open]")) {
    if (menu !== except) menu.open = false;
  }
}

function askToConfirm(source, proceed) {
  const dialog = document.querySelector("#kq-confirm");
  dialog.querySelector("h2").textContent = source.dataset.confirm;
  dialog.querySelector("p").textContent = source.dataset.confirmText || "";
  const yes = dialog.querySelector("[value=yes]");
  yes.textContent = source.dataset.confirmYes || "确定";
  yes.className = "confirmDanger" in source.dataset ? "btn btn-danger" : "btn btn-primary";
  dialog.returnValue = "";
  dialog.onclose = () => dialog.returnValue === "yes" && proceed();
  dialog.showModal();
}

async function copyText(button) {
  const target = document.querySelector(button.dataset.copy);
  const said = button.querySelector("span");
  try {
    await navigator.clipboard.writeText(target.textContent.trim());
    said.textContent = "已复制";
  } catch {
    getSelection().selectAllChildren(target);
    said.textContent = "请按 Ctrl+C";
  }
}

function togglePassword(button) {
  const input = document.getElementById(button.getAttribute("aria-controls"));
  const shown = input.type === "password";
  input.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
  button.setAttribute("aria-label", shown ? "隐藏密码" : "显示密码");
}

document.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest(selector);
  closeMenus(at("details.kq-menu"));
  if (at(".kq-drawer-button")) toggleDrawer(body.dataset.drawer !== "open");
  else if (body.dataset.drawer === "open" && !at("#kq-nav")) toggleDrawer(false);
  if (at("[data-copy]")) copyText(at("[data-copy]"));
  if (at("[data-dismiss]")) at(".kq-note").remove();
  if (at("[data-show-password]")) togglePassword(at("[data-show-password]"));
  if (at("[data-print]")) window.print();
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.querySelector("[data-search]");
    if (search) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  }
  if (event.key === "Escape") {
    const open = document.querySelector("details.kq-menu[open]");
    closeMenus();
    open?.querySelector("summary").focus();
    toggleDrawer(false);
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  const button = event.submitter;
  if (form.dataset.confirm && !form.dataset.confirmed) {
    event.preventDefault();
    askToConfirm(form, () => {
      form.dataset.confirmed = "yes";
      form.requestSubmit(button);
    });
    return;
  }
  if (form.method === "post" && !form.closest("dialog")) {
    if (form.getAttribute("aria-busy") === "true") event.preventDefault();
    form.setAttribute("aria-busy", "true");
    button?.setAttribute("aria-busy", "true");
  }
});

window.addEventListener("pageshow", () => {
  for (const busy of document.querySelectorAll("[aria-busy=true]")) busy.removeAttribute("aria-busy");
});
