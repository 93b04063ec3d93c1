"""The demo shop's range as plain data: what the shop says about each product and what its drawing needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Category = Literal["upper", "lower", "full"]


@dataclass(frozen=True)
class Print:
    """A print or woven pattern: ``kind`` names it, ``colours`` are its inks on the ground, ``scale`` enlarges it."""

    kind: str
    colours: tuple[str, ...]
    scale: float = 1.0


@dataclass(frozen=True)
class Colourway:
    """One version of a design.

    ``swatch`` is the colour shown in the shop's colour picker, ``colour`` the ground colour of the cloth. ``trim``,
    ``thread`` and ``button`` default to tones that match it. All are ``#rrggbb``.
    """

    key: str
    name: str
    swatch: str
    colour: str
    trim: str | None = None
    thread: str | None = None
    button: str | None = None
    print: Print | None = None


@dataclass(frozen=True)
class GarmentDesign:
    """One product. ``price`` is a decimal number in euros; ``fabric`` is the composition on the care label; ``cloth``
    names the fabric of the drawing."""

    key: str
    name: str
    category: Category
    price: str
    description: str
    fabric: str
    cloth: str
    sizes: tuple[str, ...]
    colourways: tuple[Colourway, ...]


LETTER_SIZES = ("XS", "S", "M", "L", "XL")
DRESS_SIZES = ("34", "36", "38", "40", "42", "44")
WAIST_SIZES = ("26", "28", "30", "32", "34", "36")


def picture_name(design: GarmentDesign, colourway: Colourway) -> str:
    """File name of the product photo in ``tryon_shop/demo_pictures``."""
    return f"{design.key}-{colourway.key}.jpg"


TOPS = (
    GarmentDesign(
        "crew-tee",
        "Everyday crew tee",
        "upper",
        "24.00",
        "A crew-neck tee in mid-weight jersey that keeps its shape in the wash. Straight through the body, with a "
        "ribbed neck and double-stitched hems.",
        "100% organic cotton, 180 g/m²",
        "jersey",
        LETTER_SIZES,
        (
            Colourway("clay", "Clay", "#b5664a", "#b5664a"),
            Colourway("ink", "Ink", "#2a2f3d", "#2a2f3d"),
            Colourway("oat", "Oat", "#e0d3bd", "#e0d3bd"),
        ),
    ),
    GarmentDesign(
        "graphic-tee",
        "Sunset print tee",
        "upper",
        "29.00",
        "A boxy tee with a screen-printed sun going down behind the waves. The heavier jersey hangs away from the body "
        "and the print stays soft.",
        "100% organic cotton, 220 g/m²",
        "jersey",
        LETTER_SIZES,
        (
            Colourway(
                "moss",
                "Moss",
                "#5d6a4c",
                "#5d6a4c",
                print=Print("sunset", ("#f2d58a", "#e7a35b", "#d1663f", "#f0e6d2")),
            ),
            Colourway(
                "night",
                "Night",
                "#26272d",
                "#26272d",
                print=Print("sunset", ("#f4b942", "#ee7b4b", "#c8385a", "#8a5a9a")),
            ),
        ),
    ),
    GarmentDesign(
        "breton-top",
        "Breton long sleeve",
        "upper",
        "39.00",
        "The striped top that goes with everything, cut with a wide neck and slim sleeves. Stripes are knitted in, not "
        "printed, so they do not fade.",
        "100% cotton, 210 g/m²",
        "jersey",
        LETTER_SIZES,
        (
            Colourway(
                "ecru-navy", "Ecru / navy", "#ece4d3", "#ece4d3", trim="#2b3350", print=Print("breton", ("#2b3350",))
            ),
            Colourway("navy-ecru", "Navy / ecru", "#2b3350", "#2b3350", print=Print("breton", ("#e9e1d0",))),
            Colourway("ecru-brick", "Ecru / brick", "#a63d33", "#ece4d3", print=Print("breton", ("#a63d33",))),
        ),
    ),
    GarmentDesign(
        "rib-tank",
        "Ribbed tank",
        "upper",
        "19.00",
        "A close-fitting tank in stretchy rib with a deep scoop neck. Wear it on its own or as the first layer.",
        "95% cotton, 5% elastane",
        "rib",
        LETTER_SIZES,
        (
            Colourway("black", "Black", "#2b2b2e", "#2b2b2e"),
            Colourway("terracotta", "Terracotta", "#b9694f", "#b9694f"),
        ),
    ),
    GarmentDesign(
        "pique-polo",
        "Piqué polo",
        "upper",
        "45.00",
        "A polo shirt in textured piqué with a knitted collar and sleeve bands. Three buttons, straight hem, no logo.",
        "100% cotton piqué",
        "pique",
        LETTER_SIZES,
        (
            Colourway("racing-green", "Racing green", "#23483a", "#23483a"),
            Colourway("sky", "Sky", "#a9c4dd", "#a9c4dd", button="#f1efe9"),
            Colourway("burgundy", "Burgundy", "#6d2735", "#6d2735"),
        ),
    ),
    GarmentDesign(
        "oxford-shirt",
        "Oxford shirt",
        "upper",
        "59.00",
        "A button-down shirt with a chest pocket and a curved hem that works tucked in or left out. The oxford cloth "
        "is washed once, so it is soft from the first day.",
        "100% cotton oxford",
        "oxford",
        LETTER_SIZES,
        (
            Colourway("blue", "Blue", "#a8bfdc", "#a8bfdc"),
            Colourway("stripe", "Bengal stripe", "#5a78b0", "#ebe9e4", print=Print("shirt_stripe", ("#5a78b0",))),
            Colourway(
                "check",
                "Autumn check",
                "#8b3f37",
                "#d9cdb9",
                button="#5b4634",
                print=Print("check", ("#7d2f33", "#2e3b56", "#c79a4b")),
            ),
        ),
    ),
    GarmentDesign(
        "roll-neck",
        "Lambswool roll neck",
        "upper",
        "89.00",
        "A roll-neck jumper knitted from soft lambswool with deep ribbed cuffs and hem. Warm without being heavy.",
        "80% lambswool, 20% polyamide",
        "knit",
        LETTER_SIZES,
        (
            Colourway("camel", "Camel", "#b98d5e", "#b98d5e"),
            Colourway("charcoal", "Charcoal", "#46474c", "#46474c"),
            Colourway("forest", "Forest", "#2f4a3c", "#2f4a3c"),
        ),
    ),
)

BOTTOMS = (
    GarmentDesign(
        "straight-jeans",
        "Straight jeans",
        "lower",
        "79.00",
        "Five-pocket jeans with a high waist and a straight leg. The denim has a little stretch and softens with wear.",
        "99% cotton, 1% elastane",
        "denim",
        WAIST_SIZES,
        (
            Colourway("mid-blue", "Mid blue", "#5a789d", "#57759a"),
            Colourway("indigo", "Raw indigo", "#2b3652", "#2b3652"),
            Colourway("washed-black", "Washed black", "#46474a", "#46474a", thread="#2c2c2e"),
        ),
    ),
    GarmentDesign(
        "tailored-trousers",
        "Tailored trousers",
        "lower",
        "95.00",
        "Trousers with a single pleat and a pressed crease that falls straight to the shoe. The wool blend resists "
        "creasing through a long day.",
        "54% wool, 44% polyester, 2% elastane",
        "suiting",
        DRESS_SIZES,
        (
            Colourway("charcoal", "Charcoal", "#45474d", "#45474d"),
            Colourway("camel", "Camel", "#b0895f", "#b0895f"),
            Colourway("pinstripe", "Navy pinstripe", "#272f47", "#272f47", print=Print("pinstripe", ("#a9aec0",))),
        ),
    ),
    GarmentDesign(
        "linen-shorts",
        "Linen drawstring shorts",
        "lower",
        "42.00",
        "Easy shorts with an elastic waist, a cotton cord and slanted pockets. The washed linen is cool in the heat "
        "and meant to crumple.",
        "100% European linen",
        "linen",
        LETTER_SIZES,
        (
            Colourway("sand", "Sand", "#d2bf9f", "#d2bf9f"),
            Colourway("olive", "Olive", "#6c6b49", "#6c6b49"),
        ),
    ),
    GarmentDesign(
        "cord-skirt",
        "Corduroy A-line skirt",
        "lower",
        "49.00",
        "An A-line skirt in fine corduroy that buttons all the way down the front. Two patch pockets are big enough "
        "for a phone.",
        "98% cotton, 2% elastane",
        "corduroy",
        DRESS_SIZES,
        (
            Colourway("rust", "Rust", "#96502f", "#96502f", button="#4f3526"),
            Colourway("pine", "Pine", "#3b4f44", "#3b4f44", button="#2b2723"),
        ),
    ),
    GarmentDesign(
        "pleated-midi",
        "Pleated midi skirt",
        "lower",
        "69.00",
        "A midi skirt in fluid crêpe with knife pleats that are pressed to last. The elastic waistband lies flat under "
        "a jumper.",
        "100% recycled polyester",
        "crepe",
        LETTER_SIZES,
        (
            Colourway("rose", "Dusty rose", "#c48f8b", "#c48f8b"),
            Colourway("bottle", "Bottle green", "#2c4a3e", "#2c4a3e"),
        ),
    ),
)

DRESSES = (
    GarmentDesign(
        "tee-dress",
        "Midi T-shirt dress",
        "full",
        "49.00",
        "A T-shirt that goes on to the calf, with short sleeves and a ribbed neck. As easy as pyjamas, dressed up with "
        "a belt.",
        "95% cotton, 5% elastane",
        "heather",
        LETTER_SIZES,
        (
            Colourway("grey", "Heather grey", "#94979c", "#94979c"),
            Colourway("stripe", "Navy stripe", "#2a3149", "#2a3149", print=Print("breton", ("#e6decf",), 0.62)),
        ),
    ),
    GarmentDesign(
        "slip-dress",
        "Satin slip dress",
        "full",
        "89.00",
        "A bias-cut slip dress with a soft cowl and fine straps. The satin skims the body and catches the light.",
        "100% viscose satin",
        "satin",
        DRESS_SIZES,
        (
            Colourway("sage", "Sage", "#93a084", "#93a084"),
            Colourway("copper", "Copper", "#a05f40", "#a05f40"),
            Colourway("black", "Black", "#27272b", "#27272b"),
        ),
    ),
    GarmentDesign(
        "wrap-dress",
        "Printed wrap dress",
        "full",
        "75.00",
        "A true wrap dress with short sleeves, a tie at the waist and a skirt that moves. The crêpe hardly needs "
        "an iron.",
        "100% viscose crêpe",
        "crepe",
        DRESS_SIZES,
        (
            Colourway(
                "midnight",
                "Midnight floral",
                "#252b45",
                "#252b45",
                print=Print("floral", ("#5e7d6a", "#e3a79d", "#f0d3c4", "#d9a441")),
            ),
            Colourway(
                "poppy",
                "Poppy sprig",
                "#b4402f",
                "#b4402f",
                print=Print("ditsy", ("#6d1f1c", "#f3e6d3", "#f1c9a5", "#e0a53c")),
            ),
            Colourway("dot", "Ink dot", "#242833", "#242833", print=Print("dots", ("#efe9dc",), 0.8)),
        ),
    ),
    GarmentDesign(
        "shirt-dress",
        "Belted shirt dress",
        "full",
        "85.00",
        "A shirt dress with a neat collar, two chest pockets and a tie belt. Made of linen that gets better with every "
        "wash.",
        "55% linen, 45% cotton",
        "linen",
        DRESS_SIZES,
        (
            Colourway("flax", "Flax", "#c9b391", "#c9b391", button="#8b6b4a"),
            Colourway("gingham", "Blue gingham", "#6f8fb8", "#e9e7e2", print=Print("gingham", ("#3f68a3",))),
        ),
    ),
)

DESIGNS: tuple[GarmentDesign, ...] = (*TOPS, *BOTTOMS, *DRESSES)
