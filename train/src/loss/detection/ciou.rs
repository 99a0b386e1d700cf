//! Complete IoU (Zheng et al. 2020, arXiv:1911.08287, eq. 10 and 11): overlap, distance of the centres, likeness of the shapes.

use std::f32::consts::PI;

use burn::tensor::Tensor;

/// Keeps divisions finite.
const EPSILON: f32 = 1e-7;

/// Of boxes x1, y1, x2, y2, each (n, 1): (n, 1). A box whose sides are exchanged has no area, but its centre still counts, so that it
/// learns its way back.
pub fn ciou(found: [Tensor<2>; 4], truth: [Tensor<2>; 4]) -> Tensor<2> {
    let [fx1, fy1, fx2, fy2] = found;
    let [tx1, ty1, tx2, ty2] = truth;
    let length = |from: &Tensor<2>, to: &Tensor<2>| (to.clone() - from.clone()).clamp_min(EPSILON);
    let (fw, fh) = (length(&fx1, &fx2), length(&fy1, &fy2));
    let (tw, th) = (length(&tx1, &tx2), length(&ty1, &ty2));
    let common = |a1: &Tensor<2>, a2: &Tensor<2>, b1: &Tensor<2>, b2: &Tensor<2>| {
        (a2.clone().min_pair(b2.clone()) - a1.clone().max_pair(b1.clone())).clamp_min(0.0)
    };
    let intersection = common(&fx1, &fx2, &tx1, &tx2) * common(&fy1, &fy2, &ty1, &ty2);
    let union = fw.clone() * fh.clone() + tw.clone() * th.clone() - intersection.clone() + EPSILON;
    let iou = intersection / union;

    let reach = |a1: &Tensor<2>, a2: &Tensor<2>, b1: &Tensor<2>, b2: &Tensor<2>| {
        square(a2.clone().max_pair(b2.clone()) - a1.clone().min_pair(b1.clone()))
    };
    let diagonal = reach(&fx1, &fx2, &tx1, &tx2) + reach(&fy1, &fy2, &ty1, &ty2) + EPSILON;
    let apart = |a1: Tensor<2>, a2: Tensor<2>, b1: Tensor<2>, b2: Tensor<2>| square((b1 + b2 - a1 - a2) * 0.5);
    let distance = apart(fx1, fx2, tx1, tx2) + apart(fy1, fy2, ty1, ty2);

    let shape = square((tw / th).atan() - (fw / fh).atan()) * (4.0 / (PI * PI));
    // The weight of the shape's term is no part of the gradient (the paper's section on CIoU).
    let weight = (shape.clone() / (iou.clone().neg() + shape.clone() + (1.0 + EPSILON))).detach();
    iou - distance / diagonal - shape * weight
}

fn square(x: Tensor<2>) -> Tensor<2> {
    x.clone() * x
}
