"""What a ``*.run.app`` URL does: invoker check, traffic, scaling, time-outs, error pages."""
