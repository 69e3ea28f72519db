"""What a linear layer's inputs looked like: their squares (Wanda) and their second moments (SparseGPT, GPTQ)."""

import logging

import torch

from knowcost.common.errors import InputError

log = logging.getLogger(__name__)

BLOCK = 256  # columns of a panel of the factorization
DOUBLINGS = 10


class InputStatistics:
    """Sums over calibration samples of one layer's inputs, as a forward hook feeds them; layers that read the same
    tensor may share one.

    in_features, device; hessian: whether SparseGPT or GPTQ will ask for second moments; name: for messages.

    Attributes: samples and tokens (int); mean_square (float32, (in,)): sum over tokens of x^2, divided by samples, the
    scaler_row of locuslab/wanda; hessian (float32, (in, in)): 2 / samples * sum of x x^T, as in IST-DASLab/sparsegpt
    and gptq. As in their code a sample is one entry of the first dimension of a three-dimensional input, or one call
    with a two-dimensional one (OPT's feed-forward layers, experts, which are given their own tokens in one pile). It is
    one factor for a whole layer, and what a solver makes does not depend on it: Wanda compares weights within a layer,
    and damping is a share of the Hessian's own diagonal.
    """

    def __init__(self, in_features: int, device: torch.device, hessian: bool, name: str = "layer") -> None:
        self.name = name
        self.samples = self.tokens = 0
        self.mean_square = torch.zeros(in_features, device=device)
        self.hessian = torch.zeros(in_features, in_features, device=device) if hessian else None
        self._factor: tuple[tuple[float, bool], tuple[torch.Tensor, torch.Tensor, torch.Tensor]] | None = None

    def add(self, inputs: torch.Tensor) -> None:
        """Add a batch: (..., in), any float type, summed in float32. Raises InputError for NaN and infinity."""
        tokens = inputs.detach().reshape(-1, inputs.shape[-1]).float()
        if not len(tokens):
            return
        samples = inputs.shape[0] if inputs.dim() == 3 else 1
        before, self.samples = self.samples, self.samples + samples
        self.tokens += len(tokens)
        self.mean_square *= before / self.samples
        self.mean_square += torch.linalg.vector_norm(tokens, dim=0) ** 2 / self.samples
        if not torch.isfinite(self.mean_square).all():
            raise InputError(
                f"{self.name}: its inputs hold NaN or infinity on the calibration data; compute in float32, "
                "and check that the checkpoint gives finite outputs"
            )
        if self.hessian is not None:
            self.hessian.addmm_(tokens.T, tokens, beta=before / self.samples, alpha=2 / self.samples)

    @property
    def norms(self) -> torch.Tensor:
        """float32 (in,): the L2 norm of each input feature over all tokens."""
        return (self.mean_square * self.samples).sqrt()

    def scale(self) -> torch.Tensor:
        """What Wanda multiplies |w| with: sqrt(mean_square), proportional to norms; ones where no token arrived."""
        if not self.tokens:
            log.warning("%s: no calibration token reached it; pruned by magnitude alone", self.name)
            return torch.ones_like(self.mean_square)
        return self.mean_square.sqrt()

    def factor(self, damping: float, act_order: bool = False) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(U, order, dead): upper triangular U with U^T U the inverse of the damped Hessian, its columns in `order`.

        order: int64 (in,), by falling diagonal with act_order, else as they are; dead: bool (in,), inputs that are
        always zero, in the layer's own order. To save memory U takes the Hessian's place: another layer that shares
        these statistics gets the same U, but only with the same arguments.

        damping: the share of the diagonal's mean that is added to it; doubled, with a warning, until the factorization
        succeeds. Raises InputError when it does not after ten times.
        """
        if self._factor and self._factor[0] == (damping, act_order):
            return self._factor[1]
        if self.hessian is None:
            raise ValueError(f"{self.name}: statistics without a Hessian, or one already factored with other settings")
        hessian, self.hessian = self.hessian, None
        if not self.tokens:
            log.warning("%s: no calibration token reached it; treated as if its inputs were white noise", self.name)
            hessian.fill_diagonal_(1)
        diagonal = hessian.diagonal()
        dead = diagonal == 0
        diagonal[dead] = 1
        order = (
            diagonal.argsort(descending=True, stable=True) if act_order else torch.arange(len(dead), device=dead.device)
        )
        if act_order:
            permute_(hessian, order)
        _factor_damped_(hessian, damping, self.name)
        self._factor = (damping, act_order), (hessian, order, dead)
        return self._factor[1]


def check_weight(weight: torch.Tensor) -> None:
    """Raise InputError when a weight holds NaN or infinity."""
    if not torch.isfinite(weight.sum()):  # the sum alone: torch.isfinite of a matrix takes as much memory again
        raise InputError("the layer's weight holds NaN or infinity; check the checkpoint")


def permute_(matrix: torch.Tensor, order: torch.Tensor) -> None:
    """Put a symmetric matrix's rows and columns in another order, in place."""
    for first in range(0, len(matrix), BLOCK):
        rows = matrix[first : first + BLOCK]
        rows.copy_(rows[:, order])
    for first in range(0, len(matrix), BLOCK):
        columns = matrix[:, first : first + BLOCK]
        columns.copy_(columns[order])


def _factor_damped_(hessian: torch.Tensor, damping: float, name: str) -> torch.Tensor:
    diagonal = hessian.diagonal().clone()
    for doubling in range(DOUBLINGS + 1):
        share = damping * 2**doubling
        if doubling:
            mirror_lower_(hessian)
            log.warning("%s: Hessian not positive definite; damping doubled to %g of its mean diagonal", name, share)
        hessian.diagonal().copy_(diagonal + share * diagonal.mean())
        if cholesky_backwards_(hessian):
            return invert_upper_(hessian.triu_())
    raise InputError(
        f"{name}: the Hessian of its inputs is not positive definite even with a damping of {share:g}; "
        "take more calibration data, or more damping"
    )


def cholesky_backwards_(matrix: torch.Tensor) -> bool:
    """Overwrite the upper triangle of symmetric H with upper R, H = R R^T; False if H is not positive definite.

    The strict lower triangle stays as it was, so that H is not lost. Working from the last column to the first gives
    R^-1 as the upper factor of H^-1 (Frantar & Alistarh 2023 take it from the inverse, by two more factorizations).
    """
    for last in range(len(matrix), 0, -BLOCK):
        first = max(0, last - BLOCK)
        right = matrix[first:last, last:]
        corner = matrix[first:last, first:last]
        lower, info = torch.linalg.cholesky_ex((corner.triu() + corner.triu(1).T - right @ right.T).flip(0, 1))
        upper = lower.flip(0, 1)
        if info.item() or not torch.isfinite(upper).all():
            return False
        corner.copy_(upper + corner.tril(-1))
        above = matrix[:first, first:last]
        above.addmm_(matrix[:first, last:], right.T, alpha=-1)
        above.copy_(torch.linalg.solve_triangular(upper.T, above, upper=False, left=False))
    return True


def mirror_lower_(matrix: torch.Tensor) -> None:
    """Overwrite the strict upper triangle with the strict lower one."""
    for first in range(0, len(matrix), BLOCK):
        last = min(first + BLOCK, len(matrix))
        matrix[:first, first:last].copy_(matrix[first:last, :first].T)
        corner = matrix[first:last, first:last].tril(-1)
        matrix[first:last, first:last].copy_(corner + corner.T)


def invert_upper_(matrix: torch.Tensor) -> torch.Tensor:
    """Overwrite an upper triangular matrix with its inverse."""
    for first in range(0, len(matrix), BLOCK):
        last = min(first + BLOCK, len(matrix))
        corner, above = matrix[first:last, first:last], matrix[:first, first:last]
        corner.copy_(torch.linalg.solve_triangular(corner, torch.eye(last - first).to(corner), upper=True))
        above.copy_(matrix[:first, :first] @ (above @ -corner))
    return matrix
