"""The families of models, and the words that figures and report have for families, scopes and kinds of comparison."""

from knowcost.spec import variants

FAMILIES = ("encoder", "encoder_decoder", "decoder")
_FIRST = ("overall", "attention", "feed_forward", "final")
SCOPES = (*_FIRST, *(scope for scope in variants.SCOPES if scope not in _FIRST))  # the order of tables and figures
ATTENTION_PARTS = ("self_attention", "cross_attention", "encoder_attention", "decoder_attention")

LABELS = {  # the words of figures and report
    "overall": "everything", "attention": "attention", "feed_forward": "feed-forward", "final": "final layer",
    "self_attention": "self-attention", "cross_attention": "cross-attention",
    "encoder_attention": "encoder attention", "decoder_attention": "decoder attention",
    "final_unstructured": "single weights", "final_structured": "whole rows",
    "encoder": "encoder", "encoder_decoder": "encoder-decoder", "decoder": "decoder",
    "prune_pattern": "pruned N:M", "quantize_bits": "quantized to few bits",
    "prune": "pruned", "quantize": "quantized", "prune_quantize": "pruned, then quantized",
    "other": "other recipes", "mixed": "mixed scopes",
}  # fmt: skip
