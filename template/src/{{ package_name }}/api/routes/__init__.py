"""The routes, one module for each resource. List their routers here."""

from fastapi import APIRouter

ROUTERS: list[APIRouter] = []
