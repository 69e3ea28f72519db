"""What a compression method is: three small functions behind one class."""


class Compressor:
    """A method that changes linear layers one tensor at a time.

    Class attributes: name (as in slugs), takes_level, quantizes (`overall` then includes the final layer, and the step
    must be the last), scopes and families that it acts on (None for all), replaces (nothing is
    left of what earlier steps did to its scope).
    """

    name = None
    takes_level = True
    quantizes = False
    scopes = None
    families = None
    replaces = False

    def prepare(self, step, tensors, base, cut):
        """Whatever has to be known of the whole scope before its tensors pass by.

        step: variants.Step; tensors: {name: checkpoint.Tensor} of the scope, as the steps before left them, in the
        documented order; base: the archive.Base that is compressed; cut: for `magnitude`, the scope's exact threshold
        (magnitude.thresholds), else None.
        """

    def compress(self, tensor, prepared):
        """The checkpoint.Tensors (one or more) that replace a weight of the scope."""
        raise NotImplementedError

    def verify(self, step, before, after, prepared, zeros):
        """Raise AssertionError unless the archive holds what the step promises.

        before: {name: Tensor} of the scope in the base checkpoint; after: all Tensors read back from the archive;
        zeros: {name: how many zeros} of the archive's linear layers.
        """
        raise NotImplementedError
