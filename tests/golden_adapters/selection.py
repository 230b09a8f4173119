"""The losses of a policy that chooses terms."""

from keras_kd.training.selection_loss import actor_and_critic, returns_of


def knowledge_selection(x, settings):
    returns = returns_of(x["rewards"], x["last_value"], settings["discount"])
    actor, critic = actor_and_critic(x["actor_logits"], x["actions"], x["values"], returns)
    return actor + settings["critic_weight"] * critic


ADAPTERS = {"knowledge_selection": knowledge_selection}
