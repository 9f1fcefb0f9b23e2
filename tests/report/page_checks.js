// SPDX-License-Identifier: Apache-2.0
// Runs in the page that browser_test.py has opened, and returns its faults as texts.
const LEAST_TEXT_CONTRAST = 4.5;   // WCAG 2.1, 1.4.3
const LEAST_MARK_CONTRAST = 3;     // WCAG 2.1, 1.4.11
const MOST_TEXTS_TRIED = 200;      // for their contrast
const MARKS = "path, line, polyline, polygon, circle, ellipse, rect, image, use";
const faults = [];

const excerpt = (element) => `"${element.textContent.trim().replace(/\s+/g, " ").slice(0, 40)}"`;

const style = document.createElement("style");  // so that elementsFromPoint sees everything
style.textContent = "* { pointer-events: visiblePainted !important; }";
document.head.append(style);

// --- colours

function rgba(text) {
  const numbers = (text.match(/[\d.]+(e-?\d+)?/g) || []).map(Number);
  if (/^rgb/.test(text)) return [...numbers.slice(0, 3), numbers[3] ?? 1];
  if (/^color\(srgb /.test(text)) return [...numbers.slice(0, 3).map((c) => 255 * c), numbers[3] ?? 1];
  return [0, 0, 0, 0];  // none, or a pattern
}

const over = (top, bottom) => [0, 1, 2].map((i) => top[i] * top[3] + bottom[i] * (1 - top[3])).concat(1);

function luminance([r, g, b]) {
  const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
}

function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

function opacity(element) {
  let product = 1;
  for (let e = element; e; e = e.parentElement) product *= Number(getComputedStyle(e).opacity);
  return product;
}

// The fill or stroke of a shape, "color" of a text of HTML, as [r, g, b, alpha].
function paint(element, what) {
  const computed = getComputedStyle(element);
  const color = rgba(computed[what]);
  const own = what === "fill" || what === "stroke" ? Number(computed[what + "Opacity"]) : 1;
  return [...color.slice(0, 3), color[3] * own * opacity(element)];
}

const isShape = (element) => element instanceof SVGGeometryElement;

function isFilledAt(shape, x, y) {
  return shape.isPointInFill(new DOMPoint(x, y).matrixTransform(shape.getScreenCTM().inverse()));
}

// The colour behind `element` at a point of the window.
function background(element, x, y) {
  const layers = [];
  const stack = document.elementsFromPoint(x, y);
  for (const e of stack.slice(stack.indexOf(element) + 1)) {
    if (isShape(e)) {
      if (isFilledAt(e, x, y)) layers.push(paint(e, "fill"));
    } else {
      layers.push(paint(e, "backgroundColor"));
    }
  }
  if (stack.includes(element) && !isShape(element) && !(element instanceof SVGElement)) {
    layers.unshift(paint(element, "backgroundColor"));
  }
  const canvas = matchMedia("(prefers-color-scheme: dark)").matches &&
      getComputedStyle(document.documentElement).colorScheme.includes("dark") ? [18, 18, 18, 1] : [255, 255, 255, 1];
  return layers.reverse().reduce((below, layer) => over(layer, below), canvas);
}

// --- boxes: the four corners of a text, turned or not

function corners(element) {
  const { x, y, width, height } = element.getBBox();
  const matrix = element.getScreenCTM();
  // The box is that of the font; no letter fills all of its height.
  const [dx, dy] = [Math.min(0.5, width / 4), 0.15 * height];
  return [[x + dx, y + dy], [x + width - dx, y + dy], [x + width - dx, y + height - dy], [x + dx, y + height - dy]]
      .map(([a, b]) => new DOMPoint(a, b).matrixTransform(matrix));
}

// Convex shapes are apart if the direction of one of their sides separates them.
function overlap(a, b) {
  return [...a.keys()].flatMap((i) => [a, b].map((quad) => {
    const [from, to] = [quad[i], quad[(i + 1) % 4]];
    const along = (p) => p.x * (from.y - to.y) + p.y * (to.x - from.x);
    const [inA, inB] = [a.map(along), b.map(along)];
    return Math.max(...inA) > Math.min(...inB) && Math.max(...inB) > Math.min(...inA);
  })).every(Boolean);
}

const isShown = (element) => element.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true });

// --- the checks

function checkWidth() {
  if (matchMedia("print").matches) return;  // browsers print a page smaller so that it fits
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) {
    faults.push(`scroll: the page is ${root.scrollWidth} wide in a window of ${root.clientWidth}`);
  }
}

// A caption that is wider than the window can be read by scrolling alone.
function checkCaptions() {
  if (matchMedia("print").matches) return;
  for (const caption of document.querySelectorAll("caption, figcaption")) {
    const box = caption.getBoundingClientRect();
    if (isShown(caption) && (box.left < -1 || box.right > innerWidth + 1)) {
      faults.push(`caption: ${excerpt(caption)} is cut off`);
    }
  }
}

function isDrawn(mark, frame) {
  const box = mark.getBoundingClientRect();
  if (!isShown(mark) || mark.closest("defs, clipPath, mask, symbol, marker, pattern") || box.width + box.height === 0) {
    return false;
  }
  if (box.width >= frame.width - 2 && box.height >= frame.height - 2) return false;  // a background
  const inside = box.right > frame.left && box.left < frame.right && box.bottom > frame.top && box.top < frame.bottom;
  if (!inside || !isShape(mark)) return inside;
  mark.scrollIntoView({ block: "center" });
  const now = mark.getBoundingClientRect();
  const behind = background(mark, now.left + now.width / 2, now.top + now.height / 2);
  return ["fill", "stroke"].some((what) => contrast(over(paint(mark, what), behind), behind) >= LEAST_MARK_CONTRAST);
}

function checkPlot(svg, number) {
  const name = `plot ${number} ("${(svg.querySelector("title") || svg.closest("figure") || svg).textContent.trim()
      .replace(/\s+/g, " ").slice(0, 40)}")`;
  const frame = svg.getBoundingClientRect();
  if (!isShown(svg) || frame.width < 1 || frame.height < 1) return faults.push(`plot: ${name} is invisible`);
  if (![...svg.querySelectorAll(MARKS)].some((mark) => isDrawn(mark, svg.getBoundingClientRect()))) {
    faults.push(`plot: ${name} shows nothing`);
  }
  const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent.trim() && isShown(text));
  const boxes = texts.map(corners);
  const now = svg.getBoundingClientRect();
  texts.forEach((text, i) => {
    if (boxes[i].some((p) => p.x < now.left - 1 || p.x > now.right + 1 || p.y < now.top - 1 || p.y > now.bottom + 1)) {
      faults.push(`outside: in ${name} ${excerpt(text)} sticks out`);
    }
    for (let j = 0; j < i; ++j) {
      if (overlap(boxes[i], boxes[j])) {
        faults.push(`overlap: in ${name} ${excerpt(texts[j])} and ${excerpt(text)} overlap`);
      }
    }
  });
}

function textsOfPage() {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const parents = new Set();
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() && isShown(parent) && !parent.closest("script, style, title, desc")) {
      parents.add(parent);
    }
  }
  return [...parents];
}

function checkContrast() {
  const texts = textsOfPage();
  if (texts.length === 0) faults.push("contrast: the page has no text");
  const every = Math.max(1, texts.length / MOST_TEXTS_TRIED);
  for (let i = 0; i < texts.length; i += every) {
    const element = texts[Math.floor(i)];
    element.scrollIntoView({ block: "center", inline: "center" });
    const range = document.createRange();
    range.selectNodeContents(element);
    const box = [...range.getClientRects()].find((r) => r.width > 0 && r.height > 0) ?? element.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    if (x < 0 || y < 0 || x >= innerWidth || y >= innerHeight) continue;  // scrolled away in a box of its own
    const behind = background(element, x, y);
    const found = contrast(over(paint(element, element instanceof SVGElement ? "fill" : "color"), behind), behind);
    if (found < LEAST_TEXT_CONTRAST) {
      faults.push(`contrast: ${excerpt(element)} has ${found.toFixed(2)}`);
    }
  }
}

checkWidth();
checkCaptions();
// A plot within another one counts as a part of it.
const plots = [...document.querySelectorAll("svg")].filter((svg) => !svg.parentElement?.closest("svg"));
plots.forEach((svg, i) => checkPlot(svg, i + 1));
checkContrast();
style.remove();
// The page returns to the state that a reader sees, for the screenshot.
document.querySelectorAll("*").forEach((element) => element.scrollTo(0, 0));
scrollTo(0, 0);
return { faults, plots: plots.length };
