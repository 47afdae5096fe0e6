// A section of tissue on a canvas: picture tiles below, spots as circles of their true size above. Plain JavaScript, no library.
const KEPT_TILES = 600;

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".tissue");
  const view = root.__view ?? (root.__view = begin(root));
  view.send = (id) => setStateValue("spot", id);
  view.take(data);
  return () => { view.end(); delete root.__view; };
}

function begin(root) {
  const canvas = root.querySelector("canvas"), card = root.querySelector(".card"), told = root.querySelector(".told"), bar = root.querySelector(".bar");
  const pen = canvas.getContext("2d");
  const tiles = new Map();
  const lost = new Set();
  let data = null, x = 0, y = 0, scale = 1, hovered = -1, chosen = -1, drag = null, asked = false, shown = "", ended = false;
  const pointers = new Map();

  const wide = () => canvas.clientWidth, high = () => canvas.clientHeight;
  const draw = () => { if (!asked && !ended) { asked = true; requestAnimationFrame(paint); } };
  const bounds = () => {
    if (data.picture) return [0, 0, data.picture.levels[0][0], data.picture.levels[0][1]];
    const r = data.radius * 3, xs = data.x, ys = data.y;
    return [Math.min(...xs) - r, Math.min(...ys) - r, Math.max(...xs) + r, Math.max(...ys) + r];
  };
  const box = () => { // what there is to see first: the spots, with a margin
    const r = data.radius * 4;
    return data.x.length ? [Math.min(...data.x) - r, Math.min(...data.y) - r, Math.max(...data.x) + r, Math.max(...data.y) + r] : bounds();
  };
  const fit = ([x0, y0, x1, y1]) => { scale = Math.min(wide() / (x1 - x0), high() / (y1 - y0)); x = (x0 + x1) / 2 - wide() / scale / 2; y = (y0 + y1) / 2 - high() / scale / 2; draw(); };
  const zoom = (factor, px = wide() / 2, py = high() / 2) => {
    const [x0, y0, x1, y1] = bounds(), least = Math.min(wide() / (x1 - x0), high() / (y1 - y0)) / 2, next = Math.min(Math.max(scale * factor, least), data.most_zoom);
    x += px / scale - px / next; y += py / scale - py / next; scale = next; draw();
  };
  const pan = (dx, dy) => {
    const [x0, y0, x1, y1] = bounds();
    x = Math.min(Math.max(x + dx / scale, x0 - wide() / scale / 2), x1 - wide() / scale / 2);
    y = Math.min(Math.max(y + dy / scale, y0 - high() / scale / 2), y1 - high() / scale / 2); draw();
  };
  const centre = (i) => { if (i < 0) return; x = data.x[i] - wide() / scale / 2; y = data.y[i] - high() / scale / 2; draw(); };

  function tile(level, column, row) {
    const name = `${level}/${column}/${row}`;
    if (lost.has(name)) return null;
    let found = tiles.get(name);
    if (!found) {
      found = new Image();
      found.onload = draw;
      found.onerror = () => { lost.add(name); say(`${lost.size} ${lost.size === 1 ? "tile" : "tiles"} of this picture cannot be shown; the spots are complete. Run python -m core build to make the picture again.`); draw(); };
      found.src = `${data.picture.url}/${name}`;
    } else tiles.delete(name);
    tiles.set(name, found);
    if (tiles.size > KEPT_TILES) tiles.delete(tiles.keys().next().value);
    return found.complete && found.naturalWidth ? found : null;
  }

  function paintPicture() {
    const sizes = data.picture.levels, side = data.picture.tile, ratio = devicePixelRatio || 1;
    const wanted = Math.min(Math.max(Math.floor(-Math.log2(scale * ratio) + 0.3), 0), sizes.length - 1);
    for (const level of wanted < sizes.length - 1 ? [sizes.length - 1, Math.min(wanted + 2, sizes.length - 1), wanted] : [wanted]) { // coarse ones first, as a ground
      const factor = sizes[0][0] / sizes[level][0], span = side * factor, [w, h] = sizes[level];
      const c1 = Math.min(Math.floor((x + wide() / scale) / span), Math.ceil(w / side) - 1), r1 = Math.min(Math.floor((y + high() / scale) / span), Math.ceil(h / side) - 1);
      for (let r = Math.max(Math.floor(y / span), 0); r <= r1; r++) for (let c = Math.max(Math.floor(x / span), 0); c <= c1; c++) {
        const found = tile(level, c, r);
        if (found) pen.drawImage(found, (c * span - x) * scale, (r * span - y) * scale, found.naturalWidth * factor * scale + 0.5, found.naturalHeight * factor * scale + 0.5);
      }
    }
  }

  function paint() {
    asked = false;
    if (!data || ended) return;
    const ratio = devicePixelRatio || 1;
    if (canvas.width !== Math.round(wide() * ratio) || canvas.height !== Math.round(high() * ratio)) { canvas.width = Math.round(wide() * ratio); canvas.height = Math.round(high() * ratio); }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, wide(), high());
    if (data.picture) paintPicture();
    const r = Math.max(data.radius * scale, 1.5), strength = data.picture ? Number(root.querySelector("input").value) / 100 : 1;
    for (let i = 0; i < data.x.length; i++) {
      const px = (data.x[i] - x) * scale, py = (data.y[i] - y) * scale;
      if (px < -r || py < -r || px > wide() + r || py > high() + r) continue;
      pen.beginPath(); pen.arc(px, py, r, 0, 7);
      if (data.colour[i]) { pen.globalAlpha = strength; pen.fillStyle = data.colour[i]; pen.fill(); }
      pen.globalAlpha = 1; pen.lineWidth = 1; pen.strokeStyle = (data.picture && data.colour[i]) || data.line; pen.stroke();
    }
    for (const [i, width] of [[hovered, 3], [chosen, 5]]) if (i >= 0) {
      const px = (data.x[i] - x) * scale, py = (data.y[i] - y) * scale;
      for (const [extra, colour] of [[2.5, "#FFFFFF"], [0, "#111111"]]) { pen.beginPath(); pen.arc(px, py, r + 2, 0, 7); pen.lineWidth = width + extra; pen.strokeStyle = colour; pen.stroke(); }
    }
    rule();
  }

  function rule() { // a scale bar of a round length
    if (!data.um_per_unit) return;
    const um = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000].findLast((n) => (n / data.um_per_unit) * scale < 150) ?? 10;
    const length = (um / data.um_per_unit) * scale, words = um < 1000 ? `${um} µm` : `${um / 1000} mm`;
    pen.font = "14px sans-serif"; pen.fillStyle = data.dark ? "rgba(15,20,25,.8)" : "rgba(255,255,255,.85)"; pen.fillRect(10, high() - 44, length + 24, 36);
    pen.fillStyle = data.dark ? "#FFFFFF" : "#1B2733"; pen.fillRect(22, high() - 17, length, 3); pen.fillText(words, 22, high() - 23);
  }

  const at = (event) => { const place = canvas.getBoundingClientRect(); return [event.clientX - place.left, event.clientY - place.top]; };
  const under = ([px, py]) => {
    let best = -1, far = Math.max(data.radius * scale, 7) ** 2;
    for (let i = 0; i < data.x.length; i++) { const d = ((data.x[i] - x) * scale - px) ** 2 + ((data.y[i] - y) * scale - py) ** 2; if (d <= far) { far = d; best = i; } }
    return best;
  };
  const say = (words) => { if (words !== told.textContent) told.textContent = words; };
  const describe = (i) => `Spot ${data.spot[i]}: ${data.text[i]}`;
  function hover(i, place) {
    if (i !== hovered) { hovered = i; draw(); }
    canvas.style.cursor = i >= 0 ? "pointer" : drag ? "grabbing" : "grab";
    card.hidden = i < 0;
    if (i < 0) return;
    card.textContent = describe(i);
    const [px, py] = place ?? [(data.x[i] - x) * scale, (data.y[i] - y) * scale];
    card.style.left = `${Math.min(Math.max(px + 14, 0), wide() - card.offsetWidth - 4)}px`; card.style.top = `${Math.max(py - card.offsetHeight - 10, 4)}px`;
  }
  function choose(i) { chosen = i; draw(); if (i >= 0) { say(`${describe(i)}. Shown beside the picture.`); api.send(data.spot[i]); } }
  function step(dx, dy) { // the nearest spot in a direction, from the one in focus
    const from = hovered >= 0 ? hovered : chosen;
    let best = -1, least = Infinity;
    for (let i = 0; i < data.x.length; i++) {
      const ax = data.x[i] - (from >= 0 ? data.x[from] : x + wide() / scale / 2), ay = data.y[i] - (from >= 0 ? data.y[from] : y + high() / scale / 2);
      const along = ax * dx + ay * dy, across = Math.abs(ax * dy - ay * dx);
      if (i === from || (from >= 0 && along <= 1e-6)) continue;
      const cost = from >= 0 ? along + 2 * across : ax * ax + ay * ay;
      if (cost < least) { least = cost; best = i; }
    }
    if (best < 0) return;
    const px = (data.x[best] - x) * scale, py = (data.y[best] - y) * scale;
    if (px < 20 || py < 20 || px > wide() - 20 || py > high() - 20) centre(best);
    hover(best); say(describe(best));
  }

  const listen = {
    pointerdown: (e) => { pointers.set(e.pointerId, at(e)); canvas.setPointerCapture(e.pointerId); drag = { from: at(e), moved: false }; },
    pointermove: (e) => {
      const now = at(e), before = pointers.get(e.pointerId);
      if (!before) return hover(under(now), now);
      pointers.set(e.pointerId, now);
      if (pointers.size === 2) { // two fingers
        const other = [...pointers.entries()].find(([id]) => id !== e.pointerId)[1];
        drag.moved = true;
        return zoom(Math.hypot(now[0] - other[0], now[1] - other[1]) / Math.max(Math.hypot(before[0] - other[0], before[1] - other[1]), 1), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      }
      if (Math.hypot(now[0] - drag.from[0], now[1] - drag.from[1]) > 4) drag.moved = true;
      if (drag.moved) { hover(-1); canvas.style.cursor = "grabbing"; pan(before[0] - now[0], before[1] - now[1]); }
    },
    pointerup: (e) => { if (drag && !drag.moved) { const i = under(at(e)); if (i >= 0) choose(i); } pointers.delete(e.pointerId); drag = pointers.size ? drag : null; },
    pointercancel: (e) => { pointers.delete(e.pointerId); drag = null; },
    pointerleave: () => hover(-1),
    wheel: (e) => { if (!(e.ctrlKey || e.metaKey || document.activeElement === canvas || root.getRootNode().activeElement === canvas)) return; e.preventDefault(); zoom(Math.exp(-e.deltaY * (e.ctrlKey ? 0.01 : 0.0016)), ...at(e)); },
    dblclick: (e) => zoom(2, ...at(e)),
    keydown: (e) => {
      const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
      if (arrow && e.shiftKey) pan(arrow[0] * 80, arrow[1] * 80);
      else if (arrow) step(...arrow);
      else if (e.key === "+" || e.key === "=") zoom(1.5);
      else if (e.key === "-") zoom(1 / 1.5);
      else if (e.key === "0") fit(box());
      else if (e.key === "Enter" || e.key === " ") { if (hovered >= 0) choose(hovered); }
      else if (e.key === "Escape") hover(-1);
      else return;
      e.preventDefault();
    },
    blur: () => hover(-1),
  };
  for (const [name, call] of Object.entries(listen)) canvas.addEventListener(name, call, { passive: false });
  const press = (e) => ({ in: () => zoom(1.5), out: () => zoom(1 / 1.5), all: () => fit(box()), spot: () => { if (chosen >= 0) { scale = Math.max(scale, 60 / data.radius); centre(chosen); } } })[e.target.dataset.do]?.();
  bar.addEventListener("click", press);
  bar.addEventListener("input", draw);
  const watch = new ResizeObserver(draw);
  watch.observe(canvas);

  const api = {
    send: () => {},
    take(next) {
      const first = !data || shown !== next.section;
      data = next;
      canvas.setAttribute("aria-label", data.label);
      root.querySelector("label").hidden = !data.picture;
      chosen = data.spot.indexOf(data.chosen ?? "");
      root.querySelector("[data-do=spot]").disabled = chosen < 0;
      hovered = -1; card.hidden = true;
      if (first) { tiles.clear(); lost.clear(); shown = data.section; say(""); fit(box()); }
      draw();
    },
    end() { ended = true; watch.disconnect(); for (const [name, call] of Object.entries(listen)) canvas.removeEventListener(name, call); bar.removeEventListener("click", press); },
  };
  return api;
}
