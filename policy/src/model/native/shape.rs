//! Shapes with one open dimension, d, the number of candidates: broadcasting, views, and how a
//! value of that shape lies in memory.

/// One dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dim {
    /// d, known when scoring.
    Candidates,
    /// Known when compiling.
    Fixed(usize),
}

/// Dimensions of a value, outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape(Vec<Dim>);

/// How a value lies in memory: one row of `width` floats, or one such row per candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// One row per candidate rather than one row in all.
    pub(super) per_candidate: bool,
    /// Floats in a row, at least 1.
    pub(super) width: usize,
}

/// Why a shape cannot be handled.
pub(super) type Reason = String;

/// Scorers use matrices; two more leave room for views on the way.
const MAX_RANK: usize = 4;

impl Shape {
    /// A shape that [`Shape::layout`] can place: d may stand only behind ones.
    pub(super) fn new(dims: Vec<Dim>) -> Result<Self, Reason> {
        let shape = Self(dims);
        if shape.0.len() > MAX_RANK {
            return Err(format!("shape {shape} has more than {MAX_RANK} dimensions"));
        }
        if shape.0.contains(&Dim::Fixed(0)) {
            return Err(format!("shape {shape} is empty"));
        }
        let mut after_ones = shape
            .0
            .iter()
            .skip_while(|dim| **dim == Dim::Fixed(1))
            .skip(1);
        if after_ones.any(|dim| *dim == Dim::Candidates) {
            return Err(format!("in shape {shape} the candidates are not outermost"));
        }
        shape
            .checked_width()
            .ok_or_else(|| format!("shape {shape} is too large"))?;
        Ok(shape)
    }

    /// A shape without candidates.
    pub(super) fn fixed(dims: &[usize]) -> Result<Self, Reason> {
        Self::new(dims.iter().map(|dim| Dim::Fixed(*dim)).collect())
    }

    /// The dimensions.
    pub(super) fn dims(&self) -> &[Dim] {
        &self.0
    }

    /// How a value of this shape lies in memory.
    pub(super) fn layout(&self) -> Layout {
        let per_candidate = self.0.contains(&Dim::Candidates);
        Layout {
            per_candidate,
            width: self.checked_width().expect("checked in `new`"),
        }
    }

    /// Place of an axis that may count from the end.
    pub(super) fn axis(&self, axis: i64) -> Result<usize, Reason> {
        let rank = self.0.len() as i64;
        let place = if axis < 0 {
            axis.saturating_add(rank)
        } else {
            axis
        };
        usize::try_from(place)
            .ok()
            .filter(|_| place < rank)
            .ok_or_else(|| format!("axis {axis} is not in shape {self}"))
    }

    /// The shape of an element-wise operation on two values.
    pub(super) fn broadcast(&self, other: &Self) -> Result<Self, Reason> {
        let rank = self.0.len().max(other.0.len());
        let dims = (0..rank).map(|i| {
            match (
                self.counted_from_right(rank - 1 - i),
                other.counted_from_right(rank - 1 - i),
            ) {
                (a, b) if a == b => Ok(a),
                (a, Dim::Fixed(1)) => Ok(a),
                (Dim::Fixed(1), b) => Ok(b),
                _ => Err(format!("shapes {self} and {other} do not fit each other")),
            }
        });
        Self::new(dims.collect::<Result<_, _>>()?)
    }

    /// Without the given axes, each of which must be 1.
    pub(super) fn squeeze(&self, axes: &[i64]) -> Result<Self, Reason> {
        let mut drop = [false; MAX_RANK];
        for axis in axes {
            let place = self.axis(*axis)?;
            if self.0[place] != Dim::Fixed(1) {
                return Err(format!("axis {axis} of shape {self} is not 1"));
            }
            drop[place] = true;
        }
        let kept = self
            .0
            .iter()
            .zip(drop)
            .filter(|(_, dropped)| !dropped)
            .map(|(dim, _)| *dim);
        Self::new(kept.collect())
    }

    /// With ones at the given axes of the result.
    pub(super) fn unsqueeze(&self, axes: &[i64]) -> Result<Self, Reason> {
        let rank = self.0.len() + axes.len();
        if rank > MAX_RANK {
            return Err(format!("more than {MAX_RANK} dimensions"));
        }
        let result = Self(vec![Dim::Fixed(1); rank]);
        let mut added = [false; MAX_RANK];
        for axis in axes {
            let place = result.axis(*axis)?;
            if std::mem::replace(&mut added[place], true) {
                return Err(format!("axis {axis} occurs twice"));
            }
        }
        let mut rest = self.0.iter().copied();
        let dims = (0..rank).map(|i| {
            if added[i] {
                Dim::Fixed(1)
            } else {
                rest.next().expect("rank counts both")
            }
        });
        Self::new(dims.collect())
    }

    /// ONNX Reshape: 0 keeps a dimension, one -1 is worked out.
    pub(super) fn reshape(&self, target: &[i64]) -> Result<Self, Reason> {
        let misfit = || format!("shape {self} cannot become {target:?}");
        let mut dims = Vec::new();
        for (i, wanted) in target.iter().enumerate().take(MAX_RANK + 1) {
            dims.push(match wanted {
                -1 => None,
                0 => Some(*self.0.get(i).ok_or_else(misfit)?),
                n => Some(Dim::Fixed(usize::try_from(*n).map_err(|_| misfit())?)),
            });
        }
        if let Some(open) = dims.iter().position(Option::is_none) {
            dims[open] = Some(self.missing(&dims).ok_or_else(misfit)?);
        }
        let dims = dims
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .ok_or_else(misfit)?;
        let result = Self::new(dims)?;
        if result.layout() == self.layout() {
            Ok(result)
        } else {
            Err(misfit())
        }
    }

    /// The dimension that makes `dims` as large as this shape.
    fn missing(&self, dims: &[Option<Dim>]) -> Option<Dim> {
        let layout = self.layout();
        let known = || dims.iter().flatten();
        let width = known().try_fold(1usize, |product, dim| match dim {
            Dim::Fixed(n) => product.checked_mul(*n),
            Dim::Candidates => Some(product),
        })?;
        if layout.per_candidate && !known().any(|dim| *dim == Dim::Candidates) {
            return (width == layout.width).then_some(Dim::Candidates);
        }
        let fits = width > 0 && layout.width.is_multiple_of(width);
        fits.then(|| Dim::Fixed(layout.width / width))
    }

    /// With the axis at `place` reduced to 1, or dropped.
    pub(super) fn reduce(&self, place: usize, keep: bool) -> Result<Self, Reason> {
        let mut dims = self.0.clone();
        if keep {
            dims[place] = Dim::Fixed(1);
        } else {
            dims.remove(place);
        }
        Self::new(dims)
    }

    /// With the axis at `place` changed.
    pub(super) fn with(&self, place: usize, dim: Dim) -> Result<Self, Reason> {
        let mut dims = self.0.clone();
        dims[place] = dim;
        Self::new(dims)
    }

    /// Whether the row consists of the axis at `place` alone, all others being 1.
    pub(super) fn is_row(&self, place: usize) -> bool {
        self.0[place] == Dim::Fixed(self.layout().width)
    }

    fn counted_from_right(&self, i: usize) -> Dim {
        self.0.iter().rev().nth(i).copied().unwrap_or(Dim::Fixed(1))
    }

    fn checked_width(&self) -> Option<usize> {
        self.0.iter().try_fold(1usize, |width, dim| match dim {
            Dim::Fixed(n) => width.checked_mul(*n),
            Dim::Candidates => Some(width),
        })
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = |dim: &Dim| match dim {
            Dim::Candidates => "d".to_owned(),
            Dim::Fixed(n) => n.to_string(),
        };
        write!(
            f,
            "[{}]",
            self.0.iter().map(name).collect::<Vec<_>>().join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Dim::Candidates as D, Dim::Fixed as N, *};

    fn shape(dims: &[Dim]) -> Shape {
        Shape::new(dims.to_vec()).unwrap()
    }

    #[test]
    fn candidates_must_be_outermost() {
        assert!(Shape::new(vec![N(1), D, N(3)]).is_ok());
        assert!(Shape::new(vec![N(2), D]).is_err());
        assert!(Shape::new(vec![D, D]).is_err());
        assert!(Shape::new(vec![N(0)]).is_err());
        assert!(Shape::new(vec![N(usize::MAX), N(3)]).is_err());
    }

    #[test]
    fn broadcasting_aligns_on_the_right() {
        let rows = shape(&[D, N(3)]);
        assert_eq!(rows.broadcast(&shape(&[N(3)])).unwrap(), rows);
        assert_eq!(rows.broadcast(&shape(&[N(1), N(3)])).unwrap(), rows);
        assert_eq!(shape(&[D, N(1)]).broadcast(&shape(&[N(3)])).unwrap(), rows);
        assert!(rows.broadcast(&shape(&[N(2)])).is_err());
        assert!(rows.broadcast(&shape(&[D])).is_err(), "d is not 3");
        assert!(
            shape(&[D, N(1)]).broadcast(&shape(&[D])).is_err(),
            "a d × d matrix"
        );
    }

    #[test]
    fn reshape_knows_that_d_is_not_a_number() {
        let column = shape(&[D, N(1)]);
        assert_eq!(column.reshape(&[-1]).unwrap(), shape(&[D]));
        assert_eq!(shape(&[D]).reshape(&[0, 1]).unwrap(), column);
        assert_eq!(
            shape(&[D, N(6)]).reshape(&[0, 2, -1]).unwrap(),
            shape(&[D, N(2), N(3)])
        );
        assert!(
            shape(&[D, N(6)]).reshape(&[-1]).is_err(),
            "rows would run together"
        );
        assert!(column.reshape(&[8]).is_err());
        assert!(shape(&[N(6)]).reshape(&[4, -1]).is_err());
        assert!(shape(&[N(6)]).reshape(&[-1, -1]).is_err());
        assert!(shape(&[N(6)]).reshape(&[0, 0]).is_err());
    }

    #[test]
    fn squeeze_and_unsqueeze_undo_each_other() {
        let rows = shape(&[D, N(1)]);
        assert_eq!(rows.squeeze(&[-1]).unwrap().unsqueeze(&[1]).unwrap(), rows);
        assert!(shape(&[D, N(3)]).squeeze(&[1]).is_err());
        assert!(shape(&[D]).unsqueeze(&[1, 1]).is_err());
        assert!(rows.squeeze(&[i64::MIN]).is_err());
    }
}
