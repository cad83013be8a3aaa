"""Commands that live with endpoints: status, talk, measure, extend, remove."""
