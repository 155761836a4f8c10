"""The comments."""

from ..models import Comment
from .base import Repository


class CommentRepository(Repository[Comment]):
    model = Comment
