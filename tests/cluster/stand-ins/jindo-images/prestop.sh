#!/bin/sh
# Stands in for the script of that name in the image of the client.
umount -l "$FLUID_FUSE_MOUNTPOINT"
