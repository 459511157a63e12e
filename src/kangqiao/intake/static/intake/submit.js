// Sending a file: says at once what can not be sent, shows how far the upload is, leads on to the batch.
// Without this script the form still works: it posts, and the answer is a page.
"use strict";

const form = document.querySelector("#sending");
const input = form.querySelector("input[type=file]");
const drop = form.querySelector(".kqi-drop");
const chosen = form.querySelector("#chosen");
const problems = form.querySelector("#problems");
const progress = form.querySelector("#progress");
const button = form.querySelector("button[type=submit]");
const MEGABYTE = 1 << 20;

function sizeOf(file) {
  return file.size < MEGABYTE ? `${Math.ceil(file.size / 1024)} KB` : `${(file.size / MEGABYTE).toFixed(1)} MB`;
}

function show(texts) {
  problems.querySelector("ul").replaceChildren(
    ...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })),
  );
  problems.hidden = texts.length === 0;
  if (texts.length) problems.scrollIntoView({ block: "nearest" });
}

function showProgress(label, share) {
  progress.hidden = false;
  progress.querySelector("label").textContent = label;
  const bar = progress.querySelector("progress");
  if (share === null) bar.removeAttribute("value");
  else bar.value = share;
  progress.querySelector("span").textContent = share === null ? "" : `${share}%`;
}

function rest() {
  progress.hidden = true;
  button.disabled = false;
}

function tooLarge(file) {
  const workbook = file.name.toLowerCase().endsWith(".xlsx");
  const largest = Number(workbook ? form.dataset.largestWorkbook : form.dataset.largestArchive);
  return file.size > largest ? [`文件有 ${sizeOf(file)}，超过 ${largest / MEGABYTE} MB 的上限，请拆成几批，或改用监视文件夹、接口报送。`] : [];
}

function choose() {
  const file = input.files[0];
  chosen.hidden = !file;
  chosen.textContent = file ? `${file.name}（${sizeOf(file)}）` : "";
  show(file ? tooLarge(file) : []);
}

function answer(request) {
  let said = {};
  try {
    said = JSON.parse(request.responseText);
  } catch {
    // a page, not an answer: said below by its status
  }
  if (said.url) {
    location.assign(said.url);
    return;
  }
  rest();
  if (said.problems) show(said.problems);
  else if (request.status === 403) show(["页面已过期或没有权限，请刷新页面后再试。"]);
  else if (request.status === 413) show(["文件太大，服务器没有接收。"]);
  else show(["系统出了问题，文件没有报送成功。请稍后再试；反复出现时请联系平台管理员。"]);
}

function send() {
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.upload.onprogress = (event) => {
    const share = Math.floor((100 * event.loaded) / event.total);
    if (share < 100) showProgress("正在上传", share);
  };
  request.upload.onload = () => showProgress("已上传，正在核对文件", null);
  request.onload = () => answer(request);
  request.onerror = () => {
    rest();
    show(["网络中断，文件没有传完。请检查网络后再点“报送”，不会重复入库。"]);
  };
  showProgress("正在上传", 0);
  button.disabled = true;
  request.send(new FormData(form));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  event.stopPropagation();
  const file = input.files[0];
  const found = file ? tooLarge(file) : ["请先选择文件。"];
  show(found);
  if (!found.length) send();
});

input.addEventListener("change", choose);

for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.dataset.over = "yes";
  });
}
for (const name of ["dragleave", "drop"]) {
  drop.addEventListener(name, () => delete drop.dataset.over);
}
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  input.files = event.dataTransfer.files;
  choose();
});
window.addEventListener("pageshow", rest);
