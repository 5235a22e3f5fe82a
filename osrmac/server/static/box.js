// Draws a box on a picture, by pointer or by keyboard, and keeps the fields of a form equal to it.

const EDGES = ["box-left", "box-top", "box-right", "box-bottom"]; // names of the fields
const STEP = 0.02; // of the picture's longer side, for each press of an arrow key
const SMALLEST = 4; // pixels of the screen; anything smaller was a click

export function drawBoxes(element, form) {
  const width = Number(element.dataset.width);
  const height = Number(element.dataset.height);
  const rect = element.querySelector("rect");
  const step = Math.max(1, Math.round(STEP * Math.max(width, height)));
  const within = (value, most) => Math.min(Math.max(Math.round(value), 0), most);
  const box = () => EDGES.map((edge) => form[edge].valueAsNumber);
  const isBox = ([left, top, right, bottom]) => left < right && top < bottom;

  function show(edges) {
    const [left, top, right, bottom] = isBox(edges) ? edges : [0, 0, 0, 0];
    rect.setAttribute("x", left);
    rect.setAttribute("y", top);
    rect.setAttribute("width", right - left);
    rect.setAttribute("height", bottom - top);
  }

  function set([left, top, right, bottom]) {
    const edges = [within(left, width), within(top, height), within(right, width), within(bottom, height)];
    EDGES.forEach((edge, index) => (form[edge].value = edges[index]));
    show(edges);
  }

  function place(event) {
    const area = element.getBoundingClientRect();
    return [((event.clientX - area.left) / area.width) * width, ((event.clientY - area.top) / area.height) * height];
  }

  let start = null;
  element.addEventListener("pointerdown", (event) => {
    const isScroll = event.pointerType === "touch" && !form.checkVisibility();
    if (event.button !== 0 || isScroll) return;
    start = { point: place(event), x: event.clientX, y: event.clientY };
    element.setPointerCapture(event.pointerId);
    event.preventDefault();
    element.focus({ preventScroll: true });
  });
  element.addEventListener("pointermove", (event) => {
    if (start === null) return;
    const [x, y] = place(event);
    const [left, top] = start.point;
    set([Math.min(left, x), Math.min(top, y), Math.max(left, x), Math.max(top, y)]);
  });
  element.addEventListener("pointerup", (event) => {
    if (start === null) return;
    const wide = Math.abs(event.clientX - start.x) >= SMALLEST && Math.abs(event.clientY - start.y) >= SMALLEST;
    start = null;
    if (wide && isBox(box())) form.requestSubmit();
    else show(box());
  });
  element.addEventListener("pointercancel", () => (start = null));

  element.addEventListener("keydown", (event) => {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const edges = box();
    if (event.key === "Enter") {
      if (isBox(edges)) form.requestSubmit();
      else set([width / 4, height / 4, (3 * width) / 4, (3 * height) / 4]);
    } else if (event.key in arrows && isBox(edges)) {
      const [x, y] = arrows[event.key].map((direction) => direction * step);
      const [left, top, right, bottom] = edges;
      if (event.shiftKey) {
        set([left, top, Math.max(left + step, right + x), Math.max(top + step, bottom + y)]);
      } else {
        const dx = Math.min(Math.max(x, -left), width - right);
        const dy = Math.min(Math.max(y, -top), height - bottom);
        set([left + dx, top + dy, right + dx, bottom + dy]);
      }
    } else return;
    event.preventDefault();
  });
  form.addEventListener("input", () => show(box()));
}
