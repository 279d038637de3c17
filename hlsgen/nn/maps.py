"""Convolutions as numbers: what slides over which map, and what the map behind it is."""

from __future__ import annotations

from dataclasses import dataclass

from hlsgen.errors import ConfigError


@dataclass(frozen=True)
class Convolution:
    """Filters that slide over a map, and the pooling behind them.

    Args:
        filters: how many; the channels of the next map.
        kernel: side of the window, in pixels.
        depth: levels of the tree that a filter of a `ConvolutionNetwork` is; it has fan_in**depth
            pins at its leaves.
        pool: 2 where squares of 2 x 2 pixels become one, else 1.
        stride: pixels from one place of the window to the next.
        candidates: taps of the window among which a pin chooses; 0 for random wiring.
        padding: pixels of the frame around its map, on each side.
        residual: the map that entered so many convolutions before, this one included, is added to
            what it makes; 0 for none.
    """

    filters: int
    kernel: int
    depth: int
    pool: int
    stride: int
    candidates: int
    padding: int = 0
    residual: int = 0

    @property
    def step(self) -> int:
        """Pixels of its input from one pixel of its output to the next."""
        return self.stride * self.pool

    def after(self, image: tuple[int, int]) -> tuple[int, int]:
        """Height and width of what it makes of a map that it fits."""
        height, width = (
            (size - self.kernel + self.stride) // self.step for size in self.framed(image)
        )
        return height, width

    def framed(self, image: tuple[int, int]) -> tuple[int, int]:
        """Height and width of its map with the frame."""
        return image[0] + 2 * self.padding, image[1] + 2 * self.padding

    def fits(self, image: tuple[int, int], kernel: int) -> bool:
        """Whether `kernel`, no larger than the map in its frame, leaves no remainder."""
        return all((size - kernel + self.stride) % self.step == 0 for size in self.framed(image))


class Maps:
    """An architecture of images: convolutions, of which the first one slides over `image`."""

    features: int
    thresholds: int
    image: tuple[int, int] | None
    convolutions: tuple[Convolution, ...]

    def check_maps(self) -> None:
        """Make convolutions of a checkpoint's plain values, and see that they fit their maps.

        Raises:
            ConfigError: convolutions that do not fit their maps, residual branches that do not fit
                each other, or features that are no such image.
        """
        known = [c if isinstance(c, Convolution) else Convolution(**c) for c in self.convolutions]
        object.__setattr__(self, "convolutions", tuple(known))
        if self.image is None:
            raise ConfigError(
                "data.image is missing: model.convolutions need the height and width of a sample"
            )
        height, width = self.image
        if self.features % (height * width):
            raise ConfigError(
                f"data.image is {[height, width]}: {self.features} features are not {height} x"
                f" {width} pixels of equally many channels"
            )
        for i, (convolution, image) in enumerate(zip(self.convolutions, self.maps, strict=False)):
            _check_fit(f"model.convolutions[{i}]", convolution, image[:2])
            if convolution.residual:
                self._check_residual(i)

    @property
    def beats(self) -> int:
        """A pixel a beat."""
        return self.image[0] * self.image[1] if self.image else 1

    @property
    def maps(self) -> list[tuple[int, int, int]]:
        """Height, width and lanes of what each convolution reads, and at last of what is flattened.

        Maps behind a convolution that does not fit mean nothing.
        """
        found = [(*(self.image or (1, 1)), self.features // self.beats * self.thresholds)]
        for convolution in self.convolutions:
            found.append((*convolution.after(found[-1][:2]), convolution.filters))
        return found

    def _check_residual(self, number: int) -> None:
        """Raise a ConfigError where a convolution cannot add the map that it is to add."""
        wish = self.convolutions[number].residual
        where = f"model.convolutions[{number}].residual is {wish}"
        if wish > number + 1:
            raise ConfigError(
                f"{where}: no map entered so many convolutions before; use at most {number + 1}"
            )
        *earlier, made = self.maps[: number + 2]
        if earlier[-wish] == made:
            return
        fits = [str(k) for k in range(1, number + 2) if earlier[-k] == made]
        advice = (
            f"residuals that fit: {', '.join(fits)}"
            if fits
            else "keep stride and pool 1, padding (kernel - 1) / 2 and the number of filters"
        )
        raise ConfigError(
            f"{where}: it makes a map of {_size(made)}, and is to add one of"
            f" {_size(earlier[-wish])}; {advice}"
        )


def _size(shape: tuple[int, int, int]) -> str:
    return f"{shape[0]} x {shape[1]} pixels of {shape[2]} channels"


def _check_fit(place: str, convolution: Convolution, image: tuple[int, int]) -> None:
    """Raise a ConfigError where a window does not fit a map of `image` pixels."""
    framed, kernel = convolution.framed(image), convolution.kernel
    size, most = f"{framed[0]} x {framed[1]}", min(framed)
    if kernel > most:
        raise ConfigError(
            f"{place}.kernel is {kernel}: its map has {size} pixels; use at most {most}"
        )
    if convolution.fits(image, kernel):
        return
    sizes = [str(k) for k in range(1, most + 1) if convolution.fits(image, k)]
    advice = f"kernels that fit: {', '.join(sizes)}" if sizes else "no kernel fits"
    raise ConfigError(
        f"{place}: kernel {kernel} with stride {convolution.stride} and pool {convolution.pool}"
        f" leaves a remainder on a map of {size} pixels; {advice}"
    )
