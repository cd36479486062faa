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
  const kept = colours.slice(0, most);
  const parts = (pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
  const places = new Map(kept.map((pixel, place) => [pixel, place]));
  for (const pixel of colours.slice(most)) {
    const [r, g, b] = parts(pixel);
    let best = 0, least = Infinity;
    kept.forEach((one, place) => {
      const [x, y, z] = parts(one);
      const far = (r - x) ** 2 + (g - y) ** 2 + (b - z) ** 2;
      if (far < least) [best, least] = [place, far];
    });
    places.set(pixel, best);
  }
  const indexed = Uint8Array.from(pixels, (pixel) => places.get(pixel));
  let packed = "";
  for (let at = 0; at < indexed.length; at += 32768)
    packed += String.fromCharCode(...indexed.subarray(at, at + 32768));
  return { width, height, colours: kept.map(parts), pixels: btoa(packed) };
}
"""
COLOURS_MAX = 256


def small(browser: Browser, picture: bytes) -> bytes:
    """The same picture; colours beyond the 256 that most of it has become the nearest of them."""
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
