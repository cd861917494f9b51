import hashlib

from django import forms
from django.core.exceptions import ValidationError

from catalogue.models import Photo


class PhotoForm(forms.ModelForm):
    photo = forms.FileField()

    class Meta:
        model = Photo
        fields = ["product", "reference"]

    def clean_photo(self):
        photo = self.cleaned_data["photo"]
        if photo.content_type != "image/jpeg":
            raise ValidationError("Please send a JPEG picture.")
        return photo

    def save(self, commit=True):
        photo = self.cleaned_data["photo"]
        digest = hashlib.sha256()
        for chunk in photo.chunks():
            digest.update(chunk)
        self.instance.sha256 = digest.hexdigest()
        photo.name = f"{self.instance.reference}-{self.instance.sha256[:12]}.jpg"
        self.instance.file = photo
        return super().save(commit)
