#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes picture_goldens.json: small files of pictures, and what Pillow decodes and resizes.

Usage: make_picture_goldens.py > picture_goldens.json     (needs Pillow 12 and NumPy; the file is from 12.3)

Every picture is made up here. A file's pixels are those of Pillow's exif_transpose() and
convert("RGB"), except for 16-bit PNG, which Pillow cuts, and which the rule of picture.hpp gives.
Pictures to be resized are not stored: pattern() gives them, here and in picture_test.cpp.
"""

import io
import json
import struct
import zlib

import numpy as np
import PIL
from PIL import Image, ImageOps

HEIGHT, WIDTH = 7, 10


def pattern(height, width, channels):
    """Values without a period that is shorter than a row."""
    i = np.arange(height * width * channels, dtype=np.int64)
    return ((i * i * 7 + i * 89 + i // 5 * 31) % 256).astype(np.uint8).reshape(height, width, channels)


def smooth(channels):
    """What JPEG and WebP keep something of."""
    y, x, c = np.mgrid[0:HEIGHT, 0:WIDTH, 0:channels]
    return ((x * (20 - 6 * c) + y * (9 + 11 * c) + 40 * c) % 256).astype(np.uint8)


def encoded(array, form, **options):
    modes = {1: "L", 2: "LA", 3: "RGB", 4: options.pop("four", "RGBA")}
    channels = array.shape[2]
    image = Image.fromarray(array[:, :, 0] if channels == 1 else array, modes[channels])
    return written(image, form, **options)


def written(image, form, **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(samples, kind, depth, interlaced=False, extra=b""):
    """samples [height][width][channels], of `depth` bits; kind: 0 grey, 2 RGB, 3 palette, 4 grey and
    alpha, 6 RGB and alpha."""
    height, width, channels = samples.shape

    def rows(part):
        if depth == 16:
            return b"".join(b"\0" + row.astype(">u2").tobytes() for row in part)
        return b"".join(b"\0" + np.packbits(
            np.unpackbits(row.astype(np.uint8).reshape(-1, 1), axis=1)[:, 8 - depth:]).tobytes() for row in part)

    adam7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    passes = [samples[y::down, x::right] for y, x, down, right in adam7] if interlaced else [samples]
    data = b"".join(rows(part) for part in passes if part.size)
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(data))
            + chunk(b"IEND", b""))


def rgb(channels):
    """[height][width][3] of grey or RGB, without alpha."""
    return channels[:, :, :1].repeat(3, 2) if channels.shape[2] < 3 else channels[:, :, :3]


def exif(value):
    data = Image.Exif()
    data[0x0112] = value
    return data


def oriented(value, motorola=False):
    """EXIF data of another writer than Pillow: with an entry before and behind, in either order of bytes."""
    order = ">" if motorola else "<"
    entries = [(0x0100, 3, 1, 99), (0x0112, 3, 1, value), (0x0128, 3, 1, 2)]
    data = struct.pack(order + "2sHIH", b"MM" if motorola else b"II", 42, 8, len(entries))
    for tag, kind, count, number in entries:
        data += struct.pack(order + "HHIHH", tag, kind, count, number, 0)
    return data + bytes(4)


def decoded(data):
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


def png_files():
    bits = pattern(HEIGHT, WIDTH, 1)
    for depth in (1, 2, 4):
        values = bits >> (8 - depth)
        yield f"png grey {depth} bits", png(values, 0, depth), rgb(values * (255 // (2**depth - 1)))
    palette = chunk(b"PLTE", pattern(16, 1, 3).tobytes())
    half_seen = chunk(b"tRNS", bytes(range(16)))
    for interlaced in (False, True):
        name = ", interlaced" if interlaced else ""
        yield f"png palette{name}", png(bits >> 4, 3, 4, interlaced, palette), None
        yield f"png palette with alpha{name}", png(bits >> 4, 3, 4, interlaced, palette + half_seen), None
        yield f"png grey{name}", png(bits, 0, 8, interlaced), None
        yield f"png RGB{name}", png(pattern(HEIGHT, WIDTH, 3), 2, 8, interlaced), None
        yield f"png grey and alpha{name}", png(pattern(HEIGHT, WIDTH, 2), 4, 8, interlaced), None
        yield f"png RGB and alpha{name}", png(pattern(HEIGHT, WIDTH, 4), 6, 8, interlaced), None
    yield "png RGB, one colour transparent", png(pattern(HEIGHT, WIDTH, 3), 2, 8, extra=chunk(
        b"tRNS", struct.pack(">3H", *pattern(HEIGHT, WIDTH, 3)[0, 0]))), None
    for kind, channels in {0: 1, 2: 3, 4: 2, 6: 4}.items():
        values = pattern(HEIGHT, WIDTH, channels).astype(np.int64) * 256 + pattern(WIDTH, HEIGHT, channels).reshape(
            HEIGHT, WIDTH, channels)
        yield f"png 16 bits, kind {kind}", png(values, kind, 16), rgb((255 * values * 2 + 65535) // (2 * 65535))
    yield "png with a gamma and a profile", png(bits, 0, 8, extra=chunk(b"gAMA", struct.pack(
        ">I", 100000)) + chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile"))), rgb(bits)


def jpeg_files():
    for subsampling in (0, 1, 2):
        for progressive in (False, True):
            name = f"jpeg, subsampling {subsampling}{', progressive' * progressive}"
            yield name, encoded(smooth(3), "JPEG", subsampling=subsampling, progressive=progressive), None
    yield "jpeg grey", encoded(smooth(1), "JPEG"), None
    yield "jpeg RGB", encoded(smooth(3), "JPEG", keep_rgb=True), None
    cmyk = encoded(smooth(4), "JPEG", four="CMYK")
    adobe = cmyk.index(b"Adobe")
    yield "jpeg CMYK", cmyk, None
    yield "jpeg YCCK", cmyk[:adobe + 11] + b"\2" + cmyk[adobe + 12:], None
    yield "jpeg CMYK without Adobe's segment", cmyk[:adobe - 4] + cmyk[adobe + 12:], None
    restarts = encoded(smooth(3), "JPEG", restart_marker_blocks=1)
    yield "jpeg with restarts", restarts, None
    yield "jpeg, bytes behind its end", restarts + b"more", None
    for value in range(1, 9):
        yield f"jpeg, orientation {value}", encoded(smooth(3), "JPEG", exif=exif(value)), None
    for motorola in (False, True):
        yield f"jpeg, orientation, Motorola: {motorola}", encoded(
            smooth(1), "JPEG", exif=b"Exif\0\0" + oriented(6, motorola)), None


def webp_files():
    yield "webp", encoded(smooth(3), "WEBP"), None
    yield "webp lossless", encoded(pattern(HEIGHT, WIDTH, 3), "WEBP", lossless=True), None
    yield "webp with alpha", encoded(smooth(4), "WEBP"), None
    yield "webp lossless with alpha", encoded(pattern(HEIGHT, WIDTH, 4), "WEBP", lossless=True, exact=True), None


def pnm_files():
    yield "ppm", encoded(pattern(HEIGHT, WIDTH, 3), "PPM"), None
    yield "pgm", encoded(pattern(HEIGHT, WIDTH, 1), "PPM"), None


def other_orientations():
    for value in (3, 6):
        yield f"png, orientation {value}", encoded(pattern(HEIGHT, WIDTH, 3), "PNG", exif=exif(value)), None
        yield f"webp, orientation {value}", encoded(smooth(3), "WEBP", exif=exif(value)), None
    late = encoded(pattern(HEIGHT, WIDTH, 1), "PNG")
    yield "png, orientation behind the pixels", late[:-12] + chunk(b"eXIf", oriented(8)) + late[-12:], None


def refused():
    """Files that are intact or nearly so, and a word of the message."""
    frames = [Image.fromarray(smooth(3)), Image.fromarray(smooth(3)[::-1])]
    yield "webp, two pictures", written(frames[0], "WEBP", save_all=True, append_images=frames[1:]), "animation"
    yield "gif", written(frames[0], "GIF"), "unsupported image format"
    yield "bmp", written(frames[0], "BMP"), "unsupported image format"
    plain = encoded(smooth(1), "JPEG")
    frame = plain.index(b"\xff\xc0")
    yield "jpeg of 12 bits", plain[:frame + 4] + b"\x0c" + plain[frame + 5:], "precision"
    large = struct.pack(">HH", 65000, 65000)
    yield "jpeg, large", plain[:frame + 5] + large + plain[frame + 9:], "65000 x 65000"
    yield "jpeg, one row more", plain[:frame + 5] + struct.pack(">H", 17) + plain[frame + 7:], "JPEG"
    cut = len(plain) - 8
    yield "jpeg, end in the pixels", plain[:cut] + b"\xff\xd9", "JPEG"
    huge = struct.pack(">II", 65535, 65535)
    grey = png(pattern(HEIGHT, WIDTH, 1), 0, 8)
    yield "png, large", grey[:8] + chunk(b"IHDR", huge + grey[24:29]) + grey[33:], "65535 x 65535"
    yield "png, one row more", grey[:8] + chunk(b"IHDR", struct.pack(">II", WIDTH, HEIGHT + 1) + grey[24:29]) + grey[33:], "PNG"
    yield "png, a wrong checksum", grey[:-20] + bytes([grey[-20] ^ 1]) + grey[-19:], "PNG"
    lossless = encoded(pattern(HEIGHT, WIDTH, 3), "WEBP", lossless=True)
    yield "webp, large", lossless[:21] + b"\xff\xff\xff\x0f" + lossless[25:], "16384 x 16384"


def fitted(image, height, width):
    h, w = image.height, image.width
    if h * width <= w * height:
        size = (width, max(h * width // w, 1))
    else:
        size = (max(w * height // h, 1), height)
    result = Image.new(image.mode, (width, height))
    result.paste(image.resize(size, Image.BILINEAR), ((width - size[0]) // 2, (height - size[1]) // 2))
    return result


def cropped(image, height, width):
    h, w = image.height, image.width
    size = (w * height // h, height) if h * width <= w * height else (width, h * width // w)
    scaled = image.resize(size, Image.BILINEAR)
    left, top = round((size[0] - width) / 2), round((size[1] - height) / 2)
    return scaled.crop((left, top, left + width, top + height))


def resized():
    for height, width, channels, to_height, to_width in [
            (40, 30, 3, 12, 9), (40, 30, 1, 12, 9), (9, 13, 3, 11, 8), (5, 4, 3, 9, 11), (1, 1, 1, 3, 2),
            (33, 9, 1, 4, 9), (9, 33, 3, 9, 4), (1, 64, 3, 4, 4), (64, 1, 1, 4, 4), (100, 3, 1, 7, 7), (17, 40, 3, 8, 8),
            (40, 19, 1, 10, 10), (25, 12, 3, 5, 9), (300, 7, 3, 2, 2)]:
        array = pattern(height, width, channels)
        image = Image.fromarray(array[:, :, 0] if channels == 1 else array)
        for how in ("stretch", "fit", "crop"):
            if how == "stretch":
                result = image.resize((to_width, to_height), Image.BILINEAR)
            else:
                result = (fitted if how == "fit" else cropped)(image, to_height, to_width)
            yield {"height": height, "width": width, "channels": channels, "to_height": to_height,
                   "to_width": to_width, "how": how, "pixels": result.tobytes().hex()}


def main():
    assert int(PIL.__version__.split(".")[0]) < 13, "Pillow 13 has another order of directions"
    files = []
    for made in (png_files, jpeg_files, webp_files, pnm_files, other_orientations):
        for name, data, pixels in made():
            pixels = decoded(data) if pixels is None else pixels
            files.append({"name": name, "file": data.hex(), "height": pixels.shape[0], "width": pixels.shape[1],
                          "pixels": pixels.astype(np.uint8).tobytes().hex()})
    lines = ",\n".join(json.dumps(entry) for entry in files)
    bad = ",\n".join(json.dumps({"name": name, "file": data.hex(), "why": why}) for name, data, why in refused())
    sizes = ",\n".join(json.dumps(entry) for entry in resized())
    print(f'{{"pillow": "{PIL.__version__}",\n"files": [\n{lines}\n],\n"refused": [\n{bad}\n],\n"resized": [\n{sizes}\n]}}')


if __name__ == "__main__":
    main()
