"""What tests share: tiny models, a hub, a Slurm, made-up results. Test modules import from here, never each other."""
