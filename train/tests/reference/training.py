"""Numbers that tests/training/ compares with: optimizers, losses with gradients, and five steps of a small residual network.

    python3 train/tests/reference/training.py > train/tests/expected/training.json

Losses and the network are PyTorch's; optimizers are Keras' formulas, written down here, because PyTorch puts epsilon and weight
decay elsewhere. Numbers come from the same small generator as in the tests, so no weights have to be stored.
"""

import json
import math

import numpy as np
import torch
import torch.nn.functional as F

from common import numbers, rounded

# Optimizers: five steps on a 4x6 kernel, the gradient of each from the generator.


def optimize(step, decay=None, clip=None):
    w = numbers(1, 24).astype(np.float64)
    state, steps = {}, []
    for number in range(1, 6):
        g = numbers(100 + number, 24).astype(np.float64)
        if clip:
            g = clip(g)
        if decay:
            w = w * (1.0 - 0.05 * decay)
        w = step(w, g, state, number)
        steps.append(rounded(w))
    return steps


def sgd(momentum, nesterov):
    def step(w, g, s, _):
        if momentum == 0.0:
            return w - 0.05 * g
        s["v"] = momentum * s.get("v", 0.0) - 0.05 * g
        return w + momentum * s["v"] - 0.05 * g if nesterov else w + s["v"]

    return step


def rmsprop(momentum, centered):
    def step(w, g, s, _):
        s["sq"] = 0.9 * s.get("sq", 0.0) + 0.1 * g * g
        s["mean"] = 0.9 * s.get("mean", 0.0) + 0.1 * g
        spread = s["sq"] - s["mean"] ** 2 if centered else s["sq"]
        s["v"] = momentum * s.get("v", 0.0) + 0.05 * g / np.sqrt(spread + 1e-7)
        return w - s["v"]

    return step


def adam(w, g, s, number):
    s["m"] = 0.9 * s.get("m", 0.0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0.0) + 0.001 * g * g
    rate = 0.05 * math.sqrt(1 - 0.999**number) / (1 - 0.9**number)
    return w - rate * s["m"] / (np.sqrt(s["v"]) + 1e-7)


def amsgrad(w, g, s, number):
    s["m"] = 0.9 * s.get("m", 0.0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0.0) + 0.001 * g * g
    s["top"] = np.maximum(s.get("top", 0.0), s["v"])
    rate = 0.05 * math.sqrt(1 - 0.999**number) / (1 - 0.9**number)
    return w - rate * s["m"] / (np.sqrt(s["top"]) + 1e-7)


def muon(w, g, s, _):
    s["v"] = 0.95 * s.get("v", 0.0) + g
    m = (g + 0.95 * s["v"]).reshape(4, 6)
    x = m / (np.sqrt((m * m).sum()) + 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return w - 0.05 * x.ravel()


def clip_norm(limit):
    return lambda g: g * min(np.linalg.norm(g), limit) / np.linalg.norm(g)


optimizers = {
    "sgd": optimize(sgd(0.0, False)),
    "sgd_momentum": optimize(sgd(0.9, False)),
    "sgd_nesterov": optimize(sgd(0.9, True)),
    "sgd_clipnorm": optimize(sgd(0.0, False), clip=clip_norm(1.0)),
    "sgd_clipvalue": optimize(sgd(0.0, False), clip=lambda g: np.clip(g, -0.3, 0.3)),
    "rms_prop": optimize(rmsprop(0.0, False)),
    "rms_prop_centered": optimize(rmsprop(0.9, True)),
    "rms_prop_momentum": optimize(rmsprop(0.9, False)),
    "adam": optimize(adam),
    "adam_amsgrad": optimize(amsgrad),
    "adam_w": optimize(adam, decay=0.1),
    "muon": optimize(muon),
}

# Losses: 5 samples; values of each sample, and the gradient of their weighted mean.

WEIGHTS = torch.tensor([1.0, 0.5, 2.0, 0.0, 1.5])


def lose(loss, prediction, shape):
    x = torch.tensor(prediction).reshape(shape).requires_grad_()
    each = loss(x)
    (each * WEIGHTS).mean().backward()
    return {"each": rounded(each.detach()), "gradient": rounded(x.grad)}


def probabilities(seed, count):
    return numbers(seed, count, 0.45) + 0.5


y = torch.tensor(numbers(11, 20)).reshape(5, 4)
yes = torch.tensor((numbers(12, 20) > 0).astype(np.float32)).reshape(5, 4)
classes = torch.tensor([2, 0, 3, 1, 2])
hot = F.one_hot(classes, 4).float()
people = torch.tensor([0, 0, 1, 1, 1])


def categorical(x, truth, logits):
    if logits:
        return -(truth * F.log_softmax(x, 1)).sum(1)
    p = (x / x.sum(1, keepdim=True)).clamp(1e-7, 1 - 1e-7)
    return -(truth * p.log()).sum(1)


def smooth(truth, amount):
    return truth * (1 - amount) + amount / 4


def distances(x):
    return ((x[:, None] - x[None]) ** 2).sum(2)


def batch_hard(x):
    d = distances(x)
    same = people[:, None] == people[None]
    far = torch.where(same, d, torch.zeros(())).max(1).values
    near = torch.where(same, torch.full((), 1e6), d).min(1).values
    return F.relu(far - near + 0.2)


def batch_all(x):
    d = distances(x)
    total, active, rows = torch.zeros(5), 0, []
    for a in range(5):
        row = torch.zeros(())
        for p in range(5):
            for n in range(5):
                if p != a and people[a] == people[p] and people[a] != people[n]:
                    cost = F.relu(d[a, p] - d[a, n] + 0.2)
                    active += int(cost.item() > 1e-16)
                    row = row + cost
        rows.append(row)
    return torch.stack(rows) * 5 / max(active, 1)


def arcface(x):
    x = x.clamp(-1 + 1e-6, 1 - 1e-6)
    own = x.gather(1, classes[:, None])
    moved = torch.cos(torch.acos(own) + 0.5)
    moved = torch.where(own > math.cos(math.pi - 0.5), moved, own - 0.5 * math.sin(0.5))
    logits = torch.where(hot > 0, moved, x) * 64.0
    return F.cross_entropy(logits, classes, reduction="none")


losses = {
    "mse": lose(lambda x: ((x - y) ** 2).mean(1), numbers(20, 20), (5, 4)),
    "mae": lose(lambda x: (x - y).abs().mean(1), numbers(20, 20), (5, 4)),
    "huber": lose(lambda x: F.huber_loss(x, y, reduction="none", delta=0.4).mean(1), numbers(20, 20), (5, 4)),
    "binary": lose(lambda x: F.binary_cross_entropy(x, yes, reduction="none").mean(1), probabilities(21, 20), (5, 4)),
    "binary_logits_smooth": lose(
        lambda x: F.binary_cross_entropy_with_logits(x, yes * 0.9 + 0.05, reduction="none").mean(1), numbers(22, 20, 3.0), (5, 4)
    ),
    "categorical": lose(lambda x: categorical(x, hot, False), probabilities(23, 20), (5, 4)),
    "categorical_logits_smooth": lose(lambda x: categorical(x, smooth(hot, 0.2), True), numbers(24, 20, 3.0), (5, 4)),
    "sparse": lose(lambda x: categorical(x, hot, False), probabilities(23, 20), (5, 4)),
    "sparse_logits": lose(lambda x: categorical(x, hot, True), numbers(24, 20, 3.0), (5, 4)),
    "sparse_logits_smooth": lose(lambda x: categorical(x, smooth(hot, 0.2), True), numbers(24, 20, 3.0), (5, 4)),
    "triplet": lose(
        lambda x: F.relu(((x[:, 0] - x[:, 1]) ** 2).sum(1) - ((x[:, 0] - x[:, 2]) ** 2).sum(1) + 0.2), numbers(25, 60), (5, 3, 4)
    ),
    "triplet_batch_hard": lose(batch_hard, numbers(26, 20), (5, 4)),
    "triplet_batch_all": lose(batch_all, numbers(26, 20), (5, 4)),
    "arcface": lose(arcface, numbers(27, 20, 0.9), (5, 4)),
}

# Five steps of a small residual network, SGD with momentum, batch norm in training mode.


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        conv = lambda i, o, k: torch.nn.Conv2d(i, o, k, padding=k // 2)
        norm = lambda c: torch.nn.BatchNorm2d(c, eps=1e-3, momentum=0.01)
        self.stem, self.bn0 = conv(3, 8, 3), norm(8)
        self.a, self.bn1 = conv(8, 8, 3), norm(8)
        self.b, self.bn2 = conv(8, 8, 3), norm(8)
        self.fc = torch.nn.Linear(8, 4)

    def forward(self, x):
        x = F.relu(self.bn0(self.stem(x)))
        y = self.bn2(self.b(F.relu(self.bn1(self.a(x)))))
        return self.fc(F.relu(x + y).mean((2, 3)))


net = Net()
with torch.no_grad():
    for seed, conv in ((31, net.stem), (32, net.a), (33, net.b)):
        count = conv.weight.numel()
        conv.weight.copy_(torch.tensor(numbers(seed, count, 0.3)).reshape(conv.weight.shape))
        conv.bias.zero_()
    # Dense kernels are (features, units) there.
    net.fc.weight.copy_(torch.tensor(numbers(34, 32, 0.5)).reshape(8, 4).T)
    net.fc.bias.zero_()

optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
course = []
for number in range(5):
    # (batch, height, width, channels) there.
    x = torch.tensor(numbers(200 + number, 6 * 8 * 8 * 3)).reshape(6, 8, 8, 3).permute(0, 3, 1, 2)
    labels = torch.tensor([(number + 3 * sample) % 4 for sample in range(6)])
    loss = F.cross_entropy(net(x), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    course.append(loss.item())

print(json.dumps({"optimizers": optimizers, "losses": losses, "course": rounded(course)}, indent=1))
