#!/usr/bin/env python3
"""The same training as `wayside-train classify` with resnet_small, in PyTorch: data, network, schedule, augmentation.

    pip install torch numpy pillow
    benches/peers/classify.py ../shared/assets/detect-train --classes car,bus,truck,motorcycle --seed 0

Prints the accuracy on the validation crops, the balanced one, and the seconds of processor time.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

SIDE, MARGIN = 64, 0.05


def crops(folder, part, classes, smallest):
    known = [line.strip() for line in (folder / "classes.txt").read_text().splitlines() if line.strip()]
    wanted = [known.index(name) for name in classes]
    pixels, labels = [], []
    for name in (folder / f"{part}.txt").read_text().split():
        rows = [row.split() for row in (folder / name.replace("images", "labels", 1)).with_suffix(".txt").read_text().splitlines()]
        rows = [(wanted.index(int(row[0])), *map(float, row[1:])) for row in rows if row and int(row[0]) in wanted]
        if not rows:
            continue
        picture = Image.open(folder / name).convert("RGB")
        width, height = picture.size
        for label, cx, cy, w, h in rows:
            w, h, cx, cy = w * width, h * height, cx * width, cy * height
            if min(w, h) < smallest:
                continue
            half = max(w, h) * (0.5 + MARGIN)
            box = (int(max(cx - half, 0)), int(max(cy - half, 0)), int(min(cx + half, width)), int(min(cy + half, height)))
            pixels.append(np.asarray(picture.crop(box).resize((SIDE, SIDE), Image.BILINEAR)))
            labels.append(label)
    return torch.tensor(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255, torch.tensor(labels)


def augment(x, generator):
    """Flip, shift by 8 %, zoom by 12 %, brightness and contrast by 20 %, the border repeated."""
    n = len(x)
    within = lambda limit: limit * (2 * torch.rand(n, generator=generator) - 1)
    dx, dy, zoom, gain, lift = within(0.08), within(0.08), 1 + within(0.12), 1 + within(0.2), within(0.2)
    flip = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = flip / zoom, 1 / zoom
    theta[:, 0, 2], theta[:, 1, 2] = 2 * dx, 2 * dy
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    column = lambda v: v.reshape(-1, 1, 1, 1)
    return ((x - 0.5) * column(gain) + 0.5 + column(lift)).clamp(0, 1)


class Convolution(torch.nn.Module):
    """'same' as TensorFlow has it: the odd zero at the bottom and right."""

    def __init__(self, inputs, filters, kernel, stride):
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.conv = torch.nn.Conv2d(inputs, filters, kernel, stride, bias=False)
        self.norm = torch.nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01)
        deviation = math.sqrt(2 / (inputs * kernel * kernel)) / 0.8796257
        torch.nn.init.trunc_normal_(self.conv.weight, 0, deviation, -2 * deviation, 2 * deviation)

    def forward(self, x):
        size = x.shape[-1]
        pad = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
        x = F.pad(x, (pad // 2, pad - pad // 2, pad // 2, pad - pad // 2))
        return self.norm(self.conv(x))


class Block(torch.nn.Module):
    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.a, self.b = Convolution(inputs, filters, 3, stride), Convolution(filters, filters, 3, 1)
        self.short = Convolution(inputs, filters, 1, stride) if inputs != filters or stride != 1 else torch.nn.Identity()

    def forward(self, x):
        return F.relu(self.b(F.relu(self.a(x))) + self.short(x))


class Network(torch.nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.stem = Convolution(3, 32, 3, 2)
        widths = [(32, 32, 1), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 128, 2), (128, 128, 1)]
        self.blocks = torch.nn.Sequential(*[Block(*width) for width in widths])
        self.scores = torch.nn.Linear(128, classes)
        torch.nn.init.xavier_uniform_(self.scores.weight)
        torch.nn.init.zeros_(self.scores.bias)

    def forward(self, x):
        return self.scores(self.blocks(F.relu(self.stem(x))).mean((2, 3)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--classes", default="car,bus,truck,motorcycle")
    parser.add_argument("--smallest", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    classes = args.classes.split(",")
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    x, y = crops(args.data, "train", classes, args.smallest)
    test_x, test_y = crops(args.data, "val", classes, args.smallest)
    print("train", torch.bincount(y).tolist(), "val", torch.bincount(test_y).tolist(), flush=True)
    network = Network(len(classes))
    print("parameters", sum(p.numel() for p in network.parameters()) + sum(b.numel() for b in network.buffers() if b.dim()))
    weights = len(y) / (len(classes) * torch.bincount(y, minlength=len(classes)).float())
    optimizer = torch.optim.SGD(network.parameters(), lr=args.learning_rate, momentum=0.9, nesterov=True)
    steps, step = math.ceil(len(y) / args.batch_size) * args.epochs, 0
    begun = time.process_time()
    for epoch in range(args.epochs):
        network.train()
        total = 0.0
        for samples in torch.randperm(len(y), generator=generator).split(args.batch_size):
            for group in optimizer.param_groups:
                group["lr"] = args.learning_rate * 0.5 * (1 + math.cos(math.pi * step / steps))
            each = F.cross_entropy(network(augment(x[samples], generator)), y[samples], reduction="none")
            loss = (each * weights[y[samples]]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(samples)
            step += 1
        network.eval()
        with torch.no_grad():
            answers = torch.cat([network(part).argmax(1) for part in test_x.split(128)])
        recalls = [(answers[test_y == c] == c).float().mean().item() for c in range(len(classes))]
        accuracy = (answers == test_y).float().mean().item()
        print(
            f"epoch {epoch + 1}: loss {total / len(y):.4f}, accuracy {100 * accuracy:.2f} %, "
            f"balanced {100 * sum(recalls) / len(recalls):.2f} %, {time.process_time() - begun:.0f} CPU s",
            flush=True,
        )


main()
