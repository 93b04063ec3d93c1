import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import tryon.models.garments
import tryon.models.results
import tryon.models.shoppers
import tryon.storage


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="WorkerSlot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40, unique=True)),
                ("owner", models.CharField(blank=True, max_length=80)),
                ("until", models.DateTimeField()),
                ("woken_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "worker slot",
                "verbose_name_plural": "worker slots",
            },
        ),
        migrations.CreateModel(
            name="Garment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("product_ref", models.CharField(max_length=200, verbose_name="product")),
                (
                    "variant",
                    models.CharField(
                        blank=True, help_text="For example the colour.", max_length=100, verbose_name="variant"
                    ),
                ),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                (
                    "category",
                    models.CharField(
                        choices=[("upper", "Upper body"), ("lower", "Lower body"), ("full", "Full body")],
                        max_length=10,
                        verbose_name="category",
                    ),
                ),
                (
                    "image",
                    models.FileField(
                        max_length=200,
                        storage=tryon.storage.garment_storage,
                        upload_to=tryon.models.garments.garment_path,
                        verbose_name="picture",
                    ),
                ),
                (
                    "thumb",
                    models.FileField(
                        editable=False,
                        max_length=200,
                        storage=tryon.storage.garment_storage,
                        upload_to=tryon.models.garments.garment_path,
                    ),
                ),
                ("width", models.PositiveIntegerField(editable=False)),
                ("height", models.PositiveIntegerField(editable=False)),
                ("sha256", models.CharField(editable=False, max_length=64)),
                ("active", models.BooleanField(default=True, verbose_name="can be tried on")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="changed")),
            ],
            options={
                "verbose_name": "garment",
                "verbose_name_plural": "garments",
                "ordering": ["id"],
                "indexes": [models.Index(fields=["active", "category", "id"], name="tryon_garment_list")],
                "constraints": [
                    models.UniqueConstraint(fields=("product_ref", "variant"), name="tryon_garment_product_variant"),
                    models.CheckConstraint(
                        condition=models.Q(("category__in", ["upper", "lower", "full"])), name="tryon_garment_category"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("product_ref", ""), _negated=True), name="tryon_garment_product_ref"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PresetModel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "image",
                    models.FileField(
                        max_length=200,
                        storage=tryon.storage.garment_storage,
                        upload_to=tryon.models.garments.preset_path,
                        verbose_name="picture",
                    ),
                ),
                (
                    "thumb",
                    models.FileField(
                        editable=False,
                        max_length=200,
                        storage=tryon.storage.garment_storage,
                        upload_to=tryon.models.garments.preset_path,
                    ),
                ),
                ("width", models.PositiveIntegerField(editable=False)),
                ("height", models.PositiveIntegerField(editable=False)),
                ("sha256", models.CharField(editable=False, max_length=64)),
                (
                    "mannequin",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="Key of a drawn mannequin; its joints are known and need not be found.",
                        max_length=50,
                        verbose_name="mannequin",
                    ),
                ),
                ("size", models.CharField(blank=True, max_length=20, verbose_name="size")),
                ("skin_tone", models.CharField(blank=True, max_length=40, verbose_name="skin tone")),
                ("active", models.BooleanField(default=True, verbose_name="offered")),
                ("position", models.PositiveSmallIntegerField(default=0, verbose_name="position")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
            ],
            options={
                "verbose_name": "preset model",
                "verbose_name_plural": "preset models",
                "ordering": ["position", "id"],
                "indexes": [models.Index(fields=["active", "position", "id"], name="tryon_presetmodel_list")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("mannequin", ""), _negated=True),
                        fields=("mannequin",),
                        name="tryon_presetmodel_mannequin",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Shopper",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("token_hash", models.CharField(blank=True, editable=False, max_length=64, null=True, unique=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(blank=True, db_index=True, null=True)),
                (
                    "user",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "shopper",
                "verbose_name_plural": "shoppers",
            },
        ),
        migrations.CreateModel(
            name="Consent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.CharField(max_length=16)),
                ("text", models.TextField()),
                ("language", models.CharField(max_length=16)),
                ("providers", models.JSONField(default=list)),
                ("channel", models.CharField(max_length=10)),
                ("given_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("withdrawn_at", models.DateTimeField(blank=True, null=True)),
                (
                    "shopper",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="consents", to="tryon.shopper"
                    ),
                ),
            ],
            options={
                "verbose_name": "consent",
                "verbose_name_plural": "consents",
            },
        ),
        migrations.CreateModel(
            name="ShopperPhoto",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "file",
                    models.FileField(
                        max_length=200, storage=tryon.storage.photo_storage, upload_to=tryon.models.shoppers.photo_path
                    ),
                ),
                ("width", models.PositiveIntegerField()),
                ("height", models.PositiveIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("warnings", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(db_index=True)),
                (
                    "consent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="photos", to="tryon.consent"
                    ),
                ),
                (
                    "shopper",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="photos", to="tryon.shopper"
                    ),
                ),
            ],
            options={
                "verbose_name": "shopper photo",
                "verbose_name_plural": "shopper photos",
            },
        ),
        migrations.CreateModel(
            name="TryOnResult",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("operation", models.CharField(default="try_on", max_length=30)),
                ("options", models.JSONField(default=dict)),
                ("status", models.CharField(default="queued", max_length=12)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("progress", models.FloatField(blank=True, null=True)),
                ("provider", models.CharField(blank=True, max_length=50)),
                ("provider_job_id", models.CharField(blank=True, max_length=128)),
                ("engine_version", models.CharField(blank=True, max_length=50)),
                ("warnings", models.JSONField(default=list)),
                ("error_code", models.CharField(blank=True, max_length=50)),
                ("error_detail", models.CharField(blank=True, max_length=500)),
                ("error_params", models.JSONField(default=dict)),
                ("priority", models.PositiveSmallIntegerField(default=0)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("lease_owner", models.CharField(blank=True, max_length=80)),
                ("next_at", models.DateTimeField(blank=True, default=django.utils.timezone.now, null=True)),
                ("deadline_at", models.DateTimeField()),
                ("idempotency_key", models.CharField(blank=True, max_length=255)),
                ("fingerprint", models.CharField(blank=True, max_length=64)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("submitted_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                (
                    "consent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="tryon.consent",
                    ),
                ),
                (
                    "garment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="results", to="tryon.garment"
                    ),
                ),
                (
                    "photo",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="results",
                        to="tryon.shopperphoto",
                    ),
                ),
                (
                    "preset_model",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="results",
                        to="tryon.presetmodel",
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "shopper",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="results",
                        to="tryon.shopper",
                    ),
                ),
            ],
            options={
                "verbose_name": "try-on",
                "verbose_name_plural": "try-ons",
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="TryOnOutput",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "file",
                    models.FileField(
                        max_length=200, storage=tryon.storage.result_storage, upload_to=tryon.models.results.output_path
                    ),
                ),
                (
                    "card",
                    models.FileField(
                        max_length=200, storage=tryon.storage.result_storage, upload_to=tryon.models.results.output_path
                    ),
                ),
                (
                    "thumb",
                    models.FileField(
                        max_length=200, storage=tryon.storage.result_storage, upload_to=tryon.models.results.output_path
                    ),
                ),
                ("width", models.PositiveIntegerField()),
                ("height", models.PositiveIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("published_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "result",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="outputs", to="tryon.tryonresult"
                    ),
                ),
            ],
            options={
                "verbose_name": "picture made",
                "verbose_name_plural": "pictures made",
                "ordering": ["result", "position"],
            },
        ),
        migrations.AddConstraint(
            model_name="consent",
            constraint=models.UniqueConstraint(
                condition=models.Q(("withdrawn_at__isnull", True)),
                fields=("shopper", "version"),
                name="tryon_consent_one_per_version",
            ),
        ),
        migrations.AddIndex(
            model_name="shopperphoto",
            index=models.Index(fields=["shopper", "-created_at"], name="tryon_photo_latest"),
        ),
        migrations.AddIndex(
            model_name="tryonresult",
            index=models.Index(
                condition=models.Q(("next_at__isnull", False)), fields=["next_at"], name="tryon_result_due"
            ),
        ),
        migrations.AddIndex(
            model_name="tryonresult",
            index=models.Index(fields=["shopper", "-created_at"], name="tryon_result_shopper"),
        ),
        migrations.AddIndex(
            model_name="tryonresult",
            index=models.Index(fields=["garment", "operation", "-created_at"], name="tryon_result_garment"),
        ),
        migrations.AddIndex(
            model_name="tryonresult",
            index=models.Index(fields=["status", "-created_at"], name="tryon_result_list"),
        ),
        migrations.AddIndex(
            model_name="tryonresult",
            index=models.Index(
                condition=models.Q(("expires_at__isnull", False)), fields=["expires_at"], name="tryon_result_expiry"
            ),
        ),
        migrations.AddIndex(
            model_name="tryonresult",
            index=models.Index(
                condition=models.Q(("status", "succeeded")),
                fields=["provider", "operation", "-finished_at"],
                name="tryon_result_latency",
            ),
        ),
        migrations.AddConstraint(
            model_name="tryonresult",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            "queued",
                            "submitting",
                            "processing",
                            "delivering",
                            "succeeded",
                            "failed",
                            "blocked",
                            "canceled",
                            "uncertain",
                        ],
                    )
                ),
                name="tryon_result_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="tryonresult",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "operation__in",
                        [
                            "try_on",
                            "model_shot",
                            "remove_background",
                            "replace_background",
                            "restore_face",
                            "remove_object",
                            "upscale",
                            "generate_image",
                            "generate_video",
                            "generate_audio",
                        ],
                    )
                ),
                name="tryon_result_operation",
            ),
        ),
        migrations.AddConstraint(
            model_name="tryonresult",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("next_at__isnull", True),
                    ("status__in", ["delivering", "processing", "queued", "submitting"]),
                    _connector="OR",
                ),
                name="tryon_result_due_is_live",
            ),
        ),
        migrations.AddConstraint(
            model_name="tryonresult",
            constraint=models.UniqueConstraint(
                condition=models.Q(("idempotency_key", ""), _negated=True),
                fields=("shopper", "idempotency_key"),
                name="tryon_result_idempotency",
            ),
        ),
        migrations.AddConstraint(
            model_name="tryonoutput",
            constraint=models.UniqueConstraint(fields=("result", "position"), name="tryon_output_position"),
        ),
    ]
