// A map of a collection to pan and zoom: similar images are near each other, and more of them appear as one zooms in.
//
// initMap(element) reads {"points": [[id, x, y, group], ...]} from the URL in data-points, with x and y from 0 to 1 and
// group a number or null. data-thumbnail and data-open are URLs of an image's thumbnail and page, up to its id.
// Where there is too little room for all images, those named first are shown, and the others are dots.

const TILE = 52; // smallest side of a thumbnail in pixels; it grows to twice that before more images appear
const DEEPEST = 12; // times, at most, that the side of a cell is halved
const MARGIN = 0.04; // of the map, around all images
const CLICK = 5; // pixels that a pointer may move in a click

export async function initMap(element) {
  const parts = build(element);
  try {
    const answer = await fetch(element.dataset.points, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    const { points } = await answer.json();
    return start(element, parts, points);
  } catch (error) {
    parts.status.textContent = `The map cannot be shown: ${error.message}`;
    return null;
  }
}

function build(element) {
  const make = (tag, className, properties = {}) =>
    element.appendChild(Object.assign(document.createElement(tag), { className, ...properties }));
  element.classList.add("map");
  element.tabIndex = 0;
  const dots = make("canvas", "map-dots");
  dots.setAttribute("aria-hidden", "true");
  const tiles = make("div", "map-tiles");
  const bar = make("div", "map-buttons");
  const buttons = [["+", "Zoom in"], ["\u2212", "Zoom out"], ["\u2922", "Show all"]].map(([sign, label]) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: sign, title: label });
    button.setAttribute("aria-label", label);
    bar.append(button);
    return button;
  });
  const status = make("p", "map-status", { textContent: "Loading the map \u2026" });
  status.setAttribute("role", "status");
  return { dots, tiles, buttons, status };
}

function start(element, { dots, tiles, buttons, status }, points) {
  const shown = new Map(); // elements of the thumbnails by number of the point
  const levels = new Map(); // for each level of zoom the first point of each cell, by cell
  const pointers = new Map(); // positions of the fingers or the mouse that are down
  const view = { x: 0.5, y: 0.5, scale: 0 }; // centre of the map, and pixels in its unit
  let moved = 0;
  let scheduled = 0;
  let remember = 0;

  const size = () => ({ width: element.clientWidth, height: element.clientHeight });
  const fit = () => Math.max(TILE, Math.min(size().width, size().height) / (1 + 2 * MARGIN));
  const closest = () => Math.max(fit(), TILE * 2 ** deepest);
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const showAll = () => move(0.5, 0.5, fit());

  function move(x, y, scale = view.scale) {
    view.scale = clamp(scale, fit(), closest());
    const half = (pixels) => Math.max(0, 0.5 + MARGIN - Math.min(pixels / 2 / view.scale, 0.5 + MARGIN));
    view.x = clamp(x, 0.5 - half(size().width), 0.5 + half(size().width));
    view.y = clamp(y, 0.5 - half(size().height), 0.5 + half(size().height));
    scheduled ||= requestAnimationFrame(draw);
  }

  // Zoom around a place of the element, which stays where it is; in pixels from its centre.
  function zoom(factor, right = 0, down = 0) {
    const scale = clamp(view.scale * factor, fit(), closest());
    const change = 1 / view.scale - 1 / scale;
    move(view.x + right * change, view.y + down * change, scale);
  }

  function cellsOf(level) {
    if (levels.has(level)) return levels.get(level);
    const cells = new Map();
    const place = (value) => Math.min(Math.floor(value * 2 ** level), 2 ** level - 1); // 1 is in the last one
    points.forEach(([, x, y], number) => {
      const cell = `${place(x)} ${place(y)}`;
      if (!cells.has(cell)) cells.set(cell, number);
    });
    levels.set(level, cells);
    return cells;
  }

  function draw() {
    scheduled = 0;
    const { width, height } = size();
    const left = (x) => (x - view.x) * view.scale + width / 2;
    const top = (y) => (y - view.y) * view.scale + height / 2;
    const level = clamp(Math.floor(Math.log2(view.scale / TILE)), 0, deepest);
    const side = view.scale / 2 ** level;
    const wanted = new Map();
    for (const [cell, number] of cellsOf(level)) {
      const [column, row] = cell.split(" ");
      const place = [left(column / 2 ** level), top(row / 2 ** level)];
      if (place[0] > -side && place[0] < width && place[1] > -side && place[1] < height) wanted.set(number, place);
    }
    for (const [number, link] of shown) {
      if (wanted.has(number) || link === document.activeElement) continue;
      link.remove();
      shown.delete(number);
    }
    for (const [number, [x, y]] of wanted) {
      if (!shown.has(number)) shown.set(number, tiles.appendChild(thumbnail(points[number][0])));
      const { style } = shown.get(number);
      style.transform = `translate(${x}px, ${y}px)`;
      style.width = style.height = `${side}px`;
    }
    drawDots(left, top, width, height);
    status.textContent = `${wanted.size.toLocaleString()} of ${points.length.toLocaleString()} images shown`;
    clearTimeout(remember); // the place is in the address, so that the browser's back button returns to it
    const place = `#map=${view.x.toFixed(4)},${view.y.toFixed(4)},${(view.scale / fit()).toFixed(3)}`;
    remember = setTimeout(() => history.replaceState(history.state, "", place), 300);
  }

  function thumbnail(id) {
    const link = document.createElement("a");
    link.href = element.dataset.open + encodeURIComponent(id);
    link.title = id;
    link.draggable = false;
    const source = element.dataset.thumbnail + encodeURIComponent(id);
    link.append(Object.assign(document.createElement("img"), { src: source, alt: id, draggable: false }));
    return link;
  }

  function drawDots(left, top, width, height) {
    const ratio = window.devicePixelRatio || 1;
    Object.assign(dots, { width: width * ratio, height: height * ratio });
    const context = dots.getContext("2d");
    context.scale(ratio, ratio);
    const ink = getComputedStyle(element).color;
    for (const [, x, y, group] of points) {
      context.fillStyle = group === null ? ink : `hsl(${(group * 137.5) % 360} 55% 50%)`;
      context.globalAlpha = group === null ? 0.3 : 0.8;
      context.fillRect(left(x) - 1.5, top(y) - 1.5, 3, 3);
    }
  }

  const centred = (event) => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
  };

  element.addEventListener("wheel", (event) => {
    event.preventDefault();
    const pixels = event.deltaY * [1, 16, 400][event.deltaMode];
    zoom(2 ** (-clamp(pixels, -200, 200) / (event.ctrlKey ? 50 : 250)), ...centred(event));
  }, { passive: false });

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest("button")) return;
    if (!pointers.size) moved = 0;
    pointers.set(event.pointerId, centred(event));
  });
  window.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = centred(event);
    const other = [...pointers].find(([pointer]) => pointer !== event.pointerId)?.[1];
    const by = [now[0] - before[0], now[1] - before[1]];
    moved += Math.hypot(...by);
    pointers.set(event.pointerId, now);
    const share = other ? 2 : 1; // of two fingers, each moves the map by half
    move(view.x - by[0] / share / view.scale, view.y - by[1] / share / view.scale);
    if (other) {
      const apart = (place) => Math.max(1, Math.hypot(place[0] - other[0], place[1] - other[1]));
      zoom(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    }
  });
  const release = (event) => pointers.delete(event.pointerId);
  ["pointerup", "pointercancel"].forEach((name) => window.addEventListener(name, release));
  tiles.addEventListener("click", (event) => moved > CLICK && event.detail && event.preventDefault(), true);

  element.addEventListener("keydown", (event) => {
    const step = 0.2 * Math.min(size().width, size().height) / view.scale;
    const actions = {
      ArrowLeft: () => move(view.x - step, view.y),
      ArrowRight: () => move(view.x + step, view.y),
      ArrowUp: () => move(view.x, view.y - step),
      ArrowDown: () => move(view.x, view.y + step),
      "+": () => zoom(1.5),
      "=": () => zoom(1.5),
      "-": () => zoom(1 / 1.5),
      0: showAll,
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  });
  [() => zoom(2), () => zoom(0.5), showAll].forEach((act, place) => buttons[place].addEventListener("click", act));
  new ResizeObserver(() => move(view.x, view.y)).observe(element);

  let deepest = 0; // where each image has a cell of its own
  while (deepest < DEEPEST && cellsOf(deepest).size < points.length) deepest += 1;
  const [x, y, times] = (/#map=([\d.,]+)$/.exec(location.hash)?.[1] ?? "0.5,0.5,1").split(",").map(Number);
  move(x || 0.5, y || 0.5, fit() * (times || 1));
  return view;
}
