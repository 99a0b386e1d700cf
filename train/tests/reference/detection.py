"""Numbers that tests/training/detection.rs compares with: the loss of an anchor-free detector with its gradients, in PyTorch.

    python3 train/tests/reference/detection.py > train/tests/expected/detection.json

Written for this comparison from the papers, with whole tensors where the crate goes box by box: task-aligned assignment (Feng et al.
2021), binary cross-entropy, CIoU (Zheng et al. 2020). Numbers come from the same generator as in the tests.
"""

import json
import math

import torch
import torch.nn.functional as F

from common import numbers, rounded

STRIDES, SIDE, CLASSES, BATCH = (8, 16, 32), 64, 3, 3
# sample, class, x1, y1, x2, y2: large and small ones, two over each other, one smaller than a cell, one sample without any.
BOXES = [
    (0, 0, 5, 7, 40, 33),
    (0, 1, 20, 10, 62, 60),
    (0, 2, 33, 41, 36, 44),
    (2, 2, 8, 8, 56, 56),
    (2, 0, 10, 12, 30, 40),
    (2, 0, 50, 2, 60, 12),
]
IGNORED = [(0, 0, 48, 16, 64), (1, 32, 32, 64, 64)]
# sample, x1, y1, x2, y2, exhaustive, known classes.
REGIONS = [(0, 0, 0, 64, 64, 1, 1, 1, 0), (1, 0, 0, 32, 64, 0, 1, 1, 1), (2, 0, 0, 64, 64, 0, 0, 1, 1)]


def ciou(a, b):
    ax1, ay1, ax2, ay2 = a.unbind(-1)
    bx1, by1, bx2, by2 = b.unbind(-1)
    aw, ah, bw, bh = ax2 - ax1, ay2 - ay1, bx2 - bx1, by2 - by1
    inter = (torch.minimum(ax2, bx2) - torch.maximum(ax1, bx1)).clamp(0) * (torch.minimum(ay2, by2) - torch.maximum(ay1, by1)).clamp(0)
    iou = inter / (aw * ah + bw * bh - inter + 1e-7)
    diagonal = (torch.maximum(ax2, bx2) - torch.minimum(ax1, bx1)) ** 2 + (torch.maximum(ay2, by2) - torch.minimum(ay1, by1)) ** 2
    distance = ((ax1 + ax2 - bx1 - bx2) ** 2 + (ay1 + ay2 - by1 - by2) ** 2) / 4
    v = 4 / math.pi**2 * (torch.atan(bw / bh) - torch.atan(aw / ah)) ** 2
    with torch.no_grad():
        alpha = v / (1 - iou + v + 1e-7)
    return iou - distance / (diagonal + 1e-7) - alpha * v, iou


def main():
    points, strides = [], []
    for s in STRIDES:
        n = SIDE // s
        at = (torch.arange(n) + 0.5) * s
        y, x = torch.meshgrid(at, at, indexing="ij")
        points.append(torch.stack([x, y], -1).reshape(-1, 2))
        strides.append(torch.full((n * n, 1), float(s)))
    points, strides = torch.cat(points).double(), torch.cat(strides).double()
    cells = len(points)
    logits = torch.tensor(numbers(1, BATCH * cells * CLASSES, 2.0)).double().reshape(BATCH, cells, CLASSES).requires_grad_()
    sides = torch.tensor(1.5 + numbers(2, BATCH * cells * 4, 1.2)).double().reshape(BATCH, cells, 4).requires_grad_()
    lt, rb = sides[..., :2] * strides, sides[..., 2:] * strides
    found = torch.cat([points - lt, points + rb], -1)
    within = lambda r: ((points >= torch.tensor(r[:2]).double()) & (points <= torch.tensor(r[2:]).double())).all(-1)

    wanted = torch.zeros(BATCH, cells, CLASSES).double()
    weights = torch.ones(BATCH, cells, CLASSES).double()
    box_costs, positives = [[] for _ in range(BATCH)], 0
    scores = logits.detach().sigmoid()
    for sample, *rect, exhaustive, a, b, c in REGIONS:
        at = within(rect)
        for k, known in enumerate((a, b, c)):
            unsure = at & (scores[sample, :, k] > 0.5) if not exhaustive else torch.zeros(cells, dtype=torch.bool)
            weights[sample, (at if not known else unsure), k] = 0
    for sample, *rect in IGNORED:
        weights[sample, within(rect)] = 0
    for sample in range(BATCH):
        mine = [b for b in BOXES if b[0] == sample]
        if not mine:
            continue
        rects = torch.tensor([b[2:] for b in mine]).double()
        _, iou = ciou(found[sample].detach()[None], rects[:, None])
        iou = iou.clamp(0)
        align = scores[sample][:, [b[1] for b in mine]].T ** 0.5 * iou**6
        for k, rect in enumerate(rects.tolist()):
            grow = [max(0, (8 - (rect[2 + d] - rect[d])) / 2) for d in (0, 1)]
            align[k, ~within([rect[0] - grow[0], rect[1] - grow[1], rect[2] + grow[0], rect[3] + grow[1]])] = -1
        chosen = torch.zeros_like(align, dtype=torch.bool)
        for k in range(len(mine)):
            top = align[k].topk(10)
            chosen[k, top.indices[top.values >= 0]] = True
        owner = torch.where(chosen, iou, torch.tensor(-1.0).double()).argmax(0)
        chosen &= F.one_hot(owner, len(mine)).T.bool()
        for k, box in enumerate(mine):
            at = chosen[k].nonzero().ravel()
            if len(at) == 0:
                continue
            score = align[k, at] / align[k, at].max() * iou[k, at].max()
            wanted[sample, at, box[1]] = score
            weights[sample, at, box[1]] = 1
            overlap, _ = ciou(found[sample, at], rects[k].expand(len(at), 4))
            box_costs[sample].append(((1 - overlap) * score).sum())
            positives += len(at)
    total = wanted.sum()
    classes = (F.binary_cross_entropy_with_logits(logits, wanted, reduction="none") * weights).sum((1, 2)) * BATCH / total
    boxes = torch.stack([sum(costs, torch.tensor(0.0).double()) for costs in box_costs]) * BATCH / total
    (classes.mean() + boxes.mean()).backward()
    print(json.dumps({
        "class": rounded(classes.detach()), "box": rounded(boxes.detach()), "positives": positives,
        "logits_gradient": rounded(logits.grad), "sides_gradient": rounded(sides.grad),
    }))


main()
