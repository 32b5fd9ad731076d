// What is wrong with this page, a sentence each; see browser.rs. WCAG 2.2: 1.4.3 contrast, 1.1.1 text alternatives.
const wrong = [];
document.querySelectorAll('details').forEach(details => { details.open = true; });

const channel = value => { const part = value / 255; return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; };
const luminance = ([red, green, blue]) => 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
const contrast = (one, other) => {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};
const painter = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
const known = new Map();
// Whatever way a colour is spelt, the browser's own canvas knows it.
const colour = text => {
  if (!known.has(text)) {
    painter.clearRect(0, 0, 1, 1);
    painter.fillStyle = text;
    painter.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = painter.getImageData(0, 0, 1, 1).data;
    known.set(text, [red, green, blue, alpha / 255]);
  }
  return known.get(text);
};
const over = (top, below, alpha) => [0, 1, 2].map(at => top[at] * alpha + below[at] * (1 - alpha));
const background = element => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) {
    const layer = colour(getComputedStyle(at).backgroundColor);
    if (layer[3] > 0) layers.push(layer);
    if (layer[3] === 1) break;
  }
  return layers.reverse().reduce((below, layer) => over(layer, below, layer[3]), [255, 255, 255]);
};
const opacity = element => {
  let all = 1;
  for (let at = element; at; at = at.parentElement) all *= Number(getComputedStyle(at).opacity);
  return all;
};

const look = theme => {
  const told = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    const text = node.textContent.trim();
    if (!text || element.closest('script, style, noscript, template, title, desc')) continue;
    const style = getComputedStyle(element);
    range.selectNodeContents(node);
    if (style.visibility !== 'visible' || range.getClientRects().length === 0) continue;
    const below = background(element);
    const ink = colour(element.closest('svg') ? style.fill : style.color);
    const ratio = contrast(over(ink, below, ink[3] * opacity(element)), below);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5) - 0.005) {
      const where = element.tagName.toLowerCase() + (element.className.baseVal ?? element.className ? '.' + (element.className.baseVal ?? element.className) : '');
      told.add(`${theme}: contrast ${ratio.toFixed(2)} of \`${text.slice(0, 30)}\` in ${where}`);
    }
  }
  const page = document.scrollingElement;
  // Not the window's inner width: on a telephone a page that is too wide is shown smaller, and the window grows with it.
  const room = document.documentElement.clientWidth;
  if (page.scrollWidth > room) {
    const wide = [...document.querySelectorAll('main *')].filter(one => one.getBoundingClientRect().right > room + 1 && !one.closest('pre, .table-wrapper'));
    told.add(`${theme}: it scrolls sideways, ${page.scrollWidth} in ${room}: ${wide.slice(0, 3).map(one => one.outerHTML.slice(0, 80)).join(' | ')}`);
  }
  wrong.push(...told);
};
for (const theme of ['light', 'navy']) {
  document.getElementById('mdbook-theme-' + theme)?.click();
  // Every page of the book has both; one that was made to be looked at has none.
  if (document.getElementById('mdbook-body-container') && !document.documentElement.classList.contains(theme)) {
    wrong.push(`there is no theme ${theme}`);
  }
  look(theme);
}

const ids = new Set();
document.querySelectorAll('[id]').forEach(element => {
  if (ids.has(element.id)) wrong.push(`the id \`${element.id}\` is given twice`);
  ids.add(element.id);
});
document.querySelectorAll('main img, main svg').forEach(picture => {
  const name = picture.getAttribute('alt') ?? picture.getAttribute('aria-label') ?? picture.getAttribute('aria-hidden');
  if (!name && !picture.closest('button, a, label, .fa-svg')) wrong.push(`no text for ${picture.tagName.toLowerCase()}: ${picture.outerHTML.slice(0, 60)}`);
});
return wrong;
