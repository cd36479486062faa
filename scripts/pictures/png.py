"""Small PNG files: 256 colours, which is what a page has, and nothing in them but the picture."""

import base64
import struct
import zlib
from typing import Any

from playwright.sync_api import Browser

COUNT = """
async ([text, most]) => {
  const bitmap = await createImageBitmap(await (await fetch("data:image/png;base64," + text)).blob());
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
  const seen = new Map();
  for (const pixel of pixels) seen.set(pixel, (seen.get(pixel) || 0) + 1);
  const colours = [...seen].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([pixel]) => pixel);
  const parts = (pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
  const colour = colours.map(parts);
  // A colour is kept for how often it is there, and for how far it is from what is kept already.
  const kept = [], place = new Array(colours.length).fill(0), far = new Array(colours.length).fill(1e9);
  while (kept.length < most) {
    let next = -1, worth = 0;
    for (let one = 0; one < colours.length; one++) {
      const is = far[one] * Math.sqrt(seen.get(colours[one]));
      if (is > worth) [next, worth] = [one, is];
    }
    if (next < 0) break;
    const [x, y, z] = colour[next];
    for (let one = 0; one < colours.length; one++) {
      const [r, g, b] = colour[one];
      const now = (r - x) ** 2 + (g - y) ** 2 + (b - z) ** 2;
      if (now < far[one]) [far[one], place[one]] = [now, kept.length];
    }
    kept.push(next);
  }
  const places = new Map(colours.map((pixel, one) => [pixel, place[one]]));
  const indexed = Uint8Array.from(pixels, (pixel) => places.get(pixel));
  let packed = "";
  for (let at = 0; at < indexed.length; at += 32768)
    packed += String.fromCharCode(...indexed.subarray(at, at + 32768));
  return { width, height, colours: kept.map((one) => colour[one]), pixels: btoa(packed) };
}
"""
COLOURS_MAX = 256


def small(browser: Browser, picture: bytes) -> bytes:
    """The same picture; colours beyond 256 become the nearest of those that are kept."""
    page = browser.new_page()
    told: dict[str, Any] = page.evaluate(COUNT, [base64.b64encode(picture).decode(), COLOURS_MAX])
    page.close()
    width, height = told["width"], told["height"]
    pixels = base64.b64decode(told["pixels"])
    rows = b"".join(b"\0" + pixels[at : at + width] for at in range(0, len(pixels), width))
    palette = bytes(part for colour in told["colours"] for part in colour)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette),
            _chunk(b"IDAT", zlib.compress(rows, 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
