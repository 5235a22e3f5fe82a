// Makes pages handier: photos can be dropped and pasted, and boxes drawn. Everything works without, by forms.

import { drawBoxes } from "./box.js";

const form = document.querySelector("form.upload");

function submit(files) {
  const picture = [...(files ?? [])].find((file) => file.type.startsWith("image/"));
  if (!picture || !form) return false;
  const transfer = new DataTransfer();
  transfer.items.add(picture);
  form.picture.files = transfer.files;
  form.requestSubmit();
  return true;
}

if (form) {
  form.picture.addEventListener("change", () => form.picture.files.length && form.requestSubmit());
  document.addEventListener("paste", (event) => submit(event.clipboardData?.files) && event.preventDefault());
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    submit(event.dataTransfer.files);
  });
}

const drawing = document.querySelector(".drawing");
if (drawing) drawBoxes(drawing, document.querySelector("form.box"));

const map = document.querySelector("#map");
if (map) import("./map.js").then(({ initMap }) => initMap(map));
