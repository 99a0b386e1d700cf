//! Steps that need not be: tables that a convolution applies itself, copies into a larger tensor whose parts can be
//! computed in place.

use super::kernel::Requant;
use super::plan::Builder;
use super::step::{ConvOut, Kind, Op, Step};
use super::view::View;

pub(super) fn run(plan: &mut Builder) {
    remove_unread(plan);
    tables_into_convolutions(plan);
    write_in_place(plan);
}

fn readers(plan: &Builder, buffer: usize) -> Vec<usize> {
    let reads = |step: &Step| step.reads.iter().any(|view| view.buffer == buffer);
    (0..plan.steps.len()).filter(|&index| reads(&plan.steps[index])).collect()
}

fn writers(plan: &Builder, buffer: usize) -> Vec<usize> {
    (0..plan.steps.len()).filter(|&index| plan.steps[index].write.buffer == buffer).collect()
}

/// Steps whose result nobody reads.
fn remove_unread(plan: &mut Builder) {
    loop {
        let unread = (0..plan.steps.len()).rev().find(|&index| {
            let write = &plan.steps[index].write;
            !matches!(plan.kind(write), Kind::Output(_)) && readers(plan, write.buffer).is_empty()
        });
        match unread {
            Some(index) => drop(plan.steps.remove(index)),
            None => return,
        }
    }
}

/// Where everybody reads a convolution's result through the same table, the convolution writes it.
fn tables_into_convolutions(plan: &mut Builder) {
    for index in 0..plan.steps.len() {
        let (Op::Conv(_) | Op::Winograd(_) | Op::Depthwise(_)) = &plan.steps[index].op else { continue };
        let buffer = plan.steps[index].write.buffer;
        let readers = readers(plan, buffer);
        let mut shared: Option<Box<[u8; 256]>> = None;
        let same = !readers.is_empty()
            && writers(plan, buffer) == [index]
            && readers.iter().all(|&reader| match &plan.steps[reader].op {
                Op::MoveBytes(Some(table)) => shared.get_or_insert_with(|| table.clone()) == table,
                _ => false,
            });
        let (true, Some(table)) = (same, shared) else { continue };
        let taken = match &mut plan.steps[index].op {
            Op::Conv(conv) => conv.groups.iter_mut().all(|(_, out)| set_table(out, &table)),
            Op::Winograd(conv) => take_table(&mut conv.requant, &table),
            Op::Depthwise(depthwise) => set_table(&mut depthwise.out, &table),
            _ => false,
        };
        if taken {
            readers.iter().for_each(|&reader| plan.steps[reader].op = Op::MoveBytes(None));
        }
    }
}

fn set_table(out: &mut ConvOut, table: &[u8; 256]) -> bool {
    match out {
        ConvOut::Bytes(requant) => take_table(requant, table),
        ConvOut::Floats(_) => false,
    }
}

fn take_table(requant: &mut Requant, table: &[u8; 256]) -> bool {
    let free = requant.table.is_none() && requant.function.is_none();
    if free {
        requant.table = Some(Box::new(*table));
    }
    free
}

/// A plain copy of a whole buffer into a part of another: whoever wrote the first writes the part instead.
fn write_in_place(plan: &mut Builder) {
    let mut index = 0;
    while index < plan.steps.len() {
        match moved(plan, index) {
            Some(rename) => {
                plan.steps.remove(index);
                for step in &mut plan.steps {
                    for view in step.reads.iter_mut().chain([&mut step.write]) {
                        if view.buffer == rename.from {
                            *view = rename.apply(view);
                        }
                    }
                }
                // Steps before may have become copies of a whole: begin again.
                index = 0;
            }
            None => index += 1,
        }
    }
}

/// Pixels of `from` with a pitch become pixels of `to` with another, `offset` elements further on.
struct Rename {
    from: usize,
    to: usize,
    offset: usize,
    pitches: (usize, usize),
}

impl Rename {
    fn apply(&self, view: &View) -> View {
        let (p, q) = self.pitches;
        let strides = view.strides.iter().map(|&stride| if stride % p == 0 { stride / p * q } else { stride });
        View {
            buffer: self.to,
            offset: self.offset + view.offset / p * q + view.offset % p,
            dims: view.dims.clone(),
            strides: strides.collect(),
        }
    }

    /// Whether [`Self::apply`] means the same elements: a step of a view stays inside of a pixel or goes by whole ones.
    fn fits(&self, view: &View) -> bool {
        let (p, q) = self.pitches;
        p == q || view.strides.iter().zip(&view.dims).all(|(&stride, &dim)| dim == 1 || stride % p == 0 || stride < p)
    }
}

fn moved(plan: &Builder, index: usize) -> Option<Rename> {
    let Step { op: Op::MoveBytes(None) | Op::MoveFloats, reads, write, .. } = &plan.steps[index] else { return None };
    let read = &reads[0];
    if read.buffer == write.buffer
        || plan.kind(read) != plan.kind(write) && !matches!(plan.kind(write), Kind::Output(_))
    {
        return None;
    }
    if matches!(plan.kind(read), Kind::Output(_)) || read.offset != 0 {
        return None;
    }
    let len = plan.buffers[read.buffer].len;
    let pitches = match (read.pixels(), write.pixels()) {
        _ if same_order(read, write) && read.span().end == len => (len, len),
        (Some(from), Some(to)) if read.span().end + from.pitch - from.channels == len => (from.pitch, to.pitch),
        _ => return None,
    };
    // A copy of the whole is allowed only where everybody who wrote or reads the buffer can live with the new place, and
    // nobody would read and write the same buffer.
    let rename = Rename { from: read.buffer, to: write.buffer, offset: write.offset, pitches };
    let touches = |view: &View, buffer: usize| view.buffer == buffer;
    let possible = plan.steps.iter().enumerate().filter(|(other, _)| *other != index).all(|(_, step)| {
        let reads_from = step.reads.iter().any(|view| touches(view, rename.from));
        let reads_to = step.reads.iter().any(|view| touches(view, rename.to));
        let clash = reads_from && touches(&step.write, rename.to)
            || touches(&step.write, rename.from)
                && (reads_to || matches!(step.op, Op::Picture(_) | Op::FloatPicture(_)));
        let views = step.reads.iter().chain([&step.write]).filter(|view| view.buffer == rename.from);
        !clash && views.into_iter().all(|view| rename.fits(view) && kernels_take(step, &rename.apply(view)))
    });
    possible.then_some(rename)
}

fn same_order(a: &View, b: &View) -> bool {
    a.dims.iter().zip(a.strides.iter().zip(&b.strides)).all(|(&dim, (a, b))| dim == 1 || a == b)
}

/// Whether the step's kernel still sees a picture where it needs one.
fn kernels_take(step: &Step, view: &View) -> bool {
    match step.op {
        Op::Conv(_)
        | Op::Winograd(_)
        | Op::Depthwise(_)
        | Op::FloatConv(_)
        | Op::FloatDepthwise(_)
        | Op::Pool(_)
        | Op::ResizeLinear
        | Op::MapChannels(_) => view.pixels().is_some(),
        _ => true,
    }
}
